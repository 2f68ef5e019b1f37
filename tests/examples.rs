//! The examples do what they say, in a short run each.

mod common;

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(90);

/// Where cargo has put an example: beside the folder of this test.
fn example(name: &str) -> Command {
    let test = std::env::current_exe().expect("this test");
    let folder: PathBuf = test.parent().and_then(|deps| deps.parent()).expect("the profile's folder").join("examples");
    let path = folder.join(name).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(path.exists(), "{} is not built; `cargo build --examples`, or run all tests", path.display());
    Command::new(path)
}

fn output(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("it starts");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    out.into_owned()
}

#[test]
fn two_peers_see_each_other() {
    let _guard = common::guard(LIMIT);
    let said = output(example("two_peers").arg("4"));
    for line in ["ann sees bob", "bob sees ann", "ann – bob: Connected", "1280 × 720", "Video: "] {
        assert!(said.contains(line), "no “{line}” in\n{said}");
    }
}

#[test]
fn data_channels_carry_text_and_a_file() {
    let _guard = common::guard(LIMIT);
    let said = output(&mut example("data_channels"));
    for line in ["chat: hello", "moves: e4", "closed: files, 1638400 bytes came", "file/1"] {
        assert!(said.contains(line), "no “{line}” in\n{said}");
    }
}

#[test]
fn a_film_is_played_into_a_call() {
    let _guard = common::guard(LIMIT);
    let folder = tempfile::tempdir().expect("a folder");
    let (film, sound) = (folder.path().join("film.y4m"), folder.path().join("sound.wav"));
    let mut pictures = b"YUV4MPEG2 W160 H120 F30:1 C420\n".to_vec();
    for n in 0..30_u8 {
        pictures.extend(b"FRAME\n");
        pictures.extend(std::iter::repeat_n(60 + n * 4, 160 * 120));
        pictures.extend(std::iter::repeat_n(128, 160 * 120 / 2));
    }
    std::fs::write(&film, pictures).expect("written");
    let mut wav =
        visavis::dsp::wav::WavWriter::new(std::fs::File::create(&sound).expect("made"), 48_000).expect("a header");
    wav.write(&[0.1; 48_000]).expect("written");
    wav.finish().expect("whole");
    let said = output(example("play_file").args([&film, &sound]).args(["--for", "4"]));
    assert!(said.contains("it plays") && said.contains("the last of 160 × 120"), "{said}");
}

/// Lines that a running example has printed until one begins so; that one.
fn line(of: &mut impl BufRead, start: &str) -> String {
    let mut text = String::new();
    while of.read_line(&mut text).expect("it speaks UTF-8") > 0 {
        if text.starts_with(start) {
            return text;
        }
        text.clear();
    }
    panic!("it ended before “{start}”");
}

#[test]
fn two_people_connect_by_copy_and_paste() {
    let _guard = common::guard(LIMIT);
    let start = |role: &str| -> Child {
        let mut command = example("copy_paste");
        command.args([role, "--for", "5"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts")
    };
    let (mut ann, mut bob) = (start("offer"), start("answer"));
    let mut of_ann = BufReader::new(ann.stdout.take().expect("piped"));
    let mut of_bob = BufReader::new(bob.stdout.take().expect("piped"));
    let (mut to_ann, mut to_bob) = (ann.stdin.take().expect("piped"), bob.stdin.take().expect("piped"));
    let offer = line(&mut of_ann, "{");
    assert!(offer.contains("candidate:") && offer.ends_with("}\n"), "{offer}");
    to_bob.write_all(offer.as_bytes()).expect("it reads");
    let answer = line(&mut of_bob, "{");
    assert!(answer.contains("candidate:"), "{answer}");
    to_ann.write_all(answer.as_bytes()).expect("it reads");
    line(&mut of_ann, "you see your friend");
    line(&mut of_bob, "you see your friend");
    for mut child in [ann, bob] {
        assert!(child.wait().expect("it ends").success());
    }
}
