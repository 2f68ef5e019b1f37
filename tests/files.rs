//! Files between two whole applications, over the real path: every byte compared.

#![allow(clippy::print_stdout, reason = "the figures of a large file are what it is for")]

mod common;
mod people;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use people::*;
use sha2::{Digest, Sha256};
use visavis::model::command::Command;
use visavis::model::notice::Notice;
#[cfg(feature = "gui")]
use visavis::model::transfer::Preview;
use visavis::model::transfer::{TransferId, TransferNews, TransferState, TransferView};

const LIMIT: Duration = Duration::from_secs(120);

/// A file that compresses badly and differs everywhere.
fn make(person: &Person, name: &str, size: usize) -> PathBuf {
    let path = person.home.path().join(name);
    let mut state = size as u64 + name.len() as u64;
    let mut content = Vec::with_capacity(size + 8);
    while content.len() < size {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        content.extend((state >> 11).to_le_bytes());
    }
    content.truncate(size);
    std::fs::write(&path, content).expect("a file is written");
    path
}

fn sha256(path: &Path) -> String {
    let content = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The file of this name in the call, once this is true of it.
async fn file(person: &Person, name: &str, is: impl Fn(&TransferView) -> bool) -> TransferView {
    let what = format!("the file {name}");
    person.sees(&what, |s| s.call.as_ref()?.files.iter().find(|of| of.name == name && is(of)).cloned()).await
}

async fn offered(person: &Person, name: &str) -> TransferId {
    file(person, name, |of| !of.mine).await.id
}

async fn over(person: &Person, name: &str) -> TransferState {
    file(person, name, |of| of.state.is_over()).await.state
}

/// What is in the folder for received files.
fn received(person: &Person) -> Vec<String> {
    let entries = std::fs::read_dir(person.downloads()).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn files_of_every_size_go_both_ways_at_once_and_are_the_same_there() {
    common::run(LIMIT, async {
        let (server, url) = server().await;
        let (mut a, mut b) = two(&url).await;
        connected(&a, &b).await;
        std::fs::create_dir(a.home.path().join("set")).unwrap();
        let mut sent = vec![];
        for (n, size) in [0, 1, 3_000_000, 70_000].into_iter().enumerate() {
            sent.push((0, make(&a, &format!("set/{n}.bin"), size)));
        }
        sent.push((1, make(&b, "back.bin", 2_000_000)));
        a.ask(Command::SendFiles(vec![a.home.path().join("set")]));
        b.ask(Command::SendFiles(vec![sent[4].1.clone()]));
        let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
        for (from, path) in &sent {
            let to = if *from == 0 { &b } else { &a };
            let id = offered(to, &name(path)).await;
            assert!(received(to).iter().all(|there| !there.starts_with(&name(path))), "nothing before the yes");
            to.ask(Command::AcceptFile(id));
        }
        for (from, path) in &sent {
            let (from, to) = if *from == 0 { (&a, &b) } else { (&b, &a) };
            assert_eq!(over(from, &name(path)).await, TransferState::Done);
            let there = file(to, &name(path), |of| of.state == TransferState::Done).await;
            assert_eq!(there.path.as_deref(), Some(to.downloads().join(name(path)).as_path()));
            assert_eq!(sha256(path), sha256(&to.downloads().join(name(path))));
        }
        for (to, from, count) in [(&mut b, 0, 4), (&mut a, 1, 1)] {
            let mut told = BTreeSet::new();
            while told.len() < count {
                let done = |notice: &Notice| {
                    matches!(notice, Notice::File { news: TransferNews::Done { mine: false, .. }, .. })
                };
                if let Notice::File { news: TransferNews::Done { sha256, .. }, .. } = to.notice(done).await {
                    told.insert(sha256);
                }
            }
            let sent = sent.iter().filter(|(of, _)| *of == from).map(|(_, path)| sha256(path));
            assert_eq!(told, sent.collect(), "each is told with its hash");
        }
        assert_eq!(received(&b), ["0.bin", "1.bin", "2.bin", "3.bin"], "no part is left");
        // Once more: it does not overwrite what is there.
        a.ask(Command::SendFiles(vec![sent[1].1.clone()]));
        let again = b
            .sees("the offer", |s| {
                s.call.as_ref()?.files.iter().find(|of| of.state == TransferState::Offered).map(|of| of.id)
            })
            .await;
        b.ask(Command::AcceptFile(again));
        b.sees("it", |s| {
            s.call.as_ref()?.files.iter().find(|of| of.id == again && of.state == TransferState::Done).map(drop)
        })
        .await;
        assert!(received(&b).contains(&"1 (2).bin".to_owned()), "{:?}", received(&b));
        a.stop();
        b.stop();
        server.shutdown().await;
    });
}

#[test]
fn a_refusal_and_a_cancel_by_either_end_it_on_both_sides() {
    common::run(LIMIT, async {
        let (server, url) = server().await;
        let (mut a, mut b) = two(&url).await;
        connected(&a, &b).await;
        let unread = |person: &Person| person.handle.snapshot().call.as_ref().map(|call| call.unread);
        a.ask(Command::SendFiles(vec![make(&a, "no.bin", 1000)]));
        let id = offered(&b, "no.bin").await;
        assert_eq!(unread(&b), Some(1), "an offer is news");
        b.ask(Command::ChatOpen(true));
        b.sees("read", |s| (s.call.as_ref()?.unread == 0).then_some(())).await;
        b.ask(Command::RefuseFile(id));
        assert_eq!(over(&a, "no.bin").await, TransferState::Refused);
        assert_eq!(over(&b, "no.bin").await, TransferState::Refused);
        for by_sender in [true, false] {
            let name = format!("{by_sender}.bin");
            a.ask(Command::SendFiles(vec![make(&a, &name, 40_000_000)]));
            let id = offered(&b, &name).await;
            b.ask(Command::AcceptFile(id));
            file(&b, &name, |of| of.done > 0).await;
            let by = if by_sender { &a } else { &b };
            by.ask(Command::CancelFile(id));
            assert_eq!(over(&a, &name).await, TransferState::Cancelled { by_us: by_sender });
            assert_eq!(over(&b, &name).await, TransferState::Cancelled { by_us: !by_sender });
        }
        common::wait_for("no part left", STEP, || received(&b).is_empty().then_some(()));
        a.ask(Command::SendFiles(vec![a.home.path().join("missing")]));
        let told = a.notice(|notice| matches!(notice, Notice::Problem(_))).await;
        assert!(matches!(told, Notice::Problem(words) if words.contains("is not there")));
        a.stop();
        b.stop();
        server.shutdown().await;
    });
}

#[test]
fn a_file_goes_on_in_the_next_call_from_where_it_was() {
    common::run(LIMIT, async {
        let (server, url) = server().await;
        let (mut a, mut b) = two(&url).await;
        connected(&a, &b).await;
        let path = make(&a, "long.bin", 12_000_000);
        a.ask(Command::SendFiles(vec![path.clone()]));
        let id = offered(&b, "long.bin").await;
        b.ask(Command::AcceptFile(id));
        let had = file(&b, "long.bin", |of| of.done > 1_000_000).await.done;
        a.ask(Command::HangUp);
        a.ended().await;
        b.ended().await;
        connected(&b, &a).await;
        // Neither is asked again, and what was there is not sent again.
        let goes_on = file(&b, "long.bin", |of| of.state == TransferState::Running).await.done;
        assert!(goes_on >= had, "{goes_on} of {had}");
        assert_eq!(over(&b, "long.bin").await, TransferState::Done);
        assert_eq!(over(&a, "long.bin").await, TransferState::Done);
        assert_eq!(sha256(&path), sha256(&b.downloads().join("long.bin")));
        assert_eq!(received(&b), ["long.bin"]);
        a.stop();
        b.stop();
        server.shutdown().await;
    });
}

#[cfg(feature = "gui")]
#[test]
fn a_picture_is_shown_on_both_sides_once_it_is_there_and_a_broken_one_says_so() {
    common::run(LIMIT, async {
        let (server, url) = server().await;
        let (mut a, mut b) = two(&url).await;
        connected(&a, &b).await;
        let view = a.home.path().join("view.png");
        image::RgbImage::from_pixel(64, 32, image::Rgb([9, 8, 7])).save(&view).expect("a picture is written");
        a.ask(Command::SendFiles(vec![view, make(&a, "broken.png", 5000)]));
        for name in ["view.png", "broken.png"] {
            let offer = file(&b, name, |of| !of.mine).await;
            assert_eq!(offer.preview, Preview::None, "nothing is looked at before the yes");
            b.ask(Command::AcceptFile(offer.id));
        }
        for person in [&a, &b] {
            let Preview::Picture(picture) = file(person, "view.png", |of| of.preview != Preview::None).await.preview
            else {
                panic!("the picture is not shown");
            };
            assert_eq!((picture.width, picture.height, &picture.rgba[..4]), (64, 32, &[9, 8, 7, 255][..]));
            let broken = file(person, "broken.png", |of| of.preview != Preview::None).await;
            assert!(matches!(broken.preview, Preview::Broken(words) if words.contains("damaged")));
        }
        a.ask(Command::OpenPicture(offered(&b, "broken.png").await));
        let told = a.notice(|notice| matches!(notice, Notice::Problem(_))).await;
        assert!(matches!(told, Notice::Problem(words) if words.contains("not on this computer")));
        a.stop();
        b.stop();
        server.shutdown().await;
    });
}

#[test]
fn a_picture_that_was_pasted_arrives_and_is_forgotten_at_the_end() {
    common::run(LIMIT, async {
        let (server, url) = server().await;
        let (mut a, mut b) = two(&url).await;
        connected(&a, &b).await;
        let png: Vec<u8> = (0..100_000).map(|at| (at % 251) as u8).collect();
        a.ask(Command::SendImage(png.clone().into()));
        let name = "Pasted image.png";
        let id = offered(&b, name).await;
        b.ask(Command::AcceptFile(id));
        assert_eq!(over(&b, name).await, TransferState::Done);
        assert_eq!(std::fs::read(b.downloads().join(name)).unwrap(), png);
        let kept = a.home.path().join("profile/pasted");
        assert!(kept.exists());
        a.stop();
        b.stop();
        assert!(!kept.exists());
        server.shutdown().await;
    });
}

#[test]
fn a_file_that_changes_or_goes_is_told_to_both() {
    common::run(LIMIT, async {
        let (server, url) = server().await;
        let (mut a, mut b) = two(&url).await;
        connected(&a, &b).await;
        for (name, there) in [("changed.bin", "was changed"), ("gone.bin", "is gone")] {
            let path = make(&a, name, 5000);
            a.ask(Command::SendFiles(vec![path.clone()]));
            let id = offered(&b, name).await;
            if name == "gone.bin" { std::fs::remove_file(&path) } else { std::fs::write(&path, "other") }.unwrap();
            b.ask(Command::AcceptFile(id));
            assert!(matches!(over(&a, name).await, TransferState::Failed(words) if words.contains(name)));
            assert!(matches!(over(&b, name).await, TransferState::Failed(words) if words.contains(there)));
        }
        common::wait_for("no part left", STEP, || received(&b).is_empty().then_some(()));
        a.stop();
        b.stop();
        server.shutdown().await;
    });
}

/// Sends a file of so many bytes while the call runs; how long it took.
async fn beside_a_call(size: usize) -> Duration {
    let (server, url) = server().await;
    let mut a = Person::new(&url, "Amara");
    let mut b = Person::with(&url, "Noor", |config| config.accept_files = true);
    a.online().await;
    b.online().await;
    connected(&a, &b).await;
    a.looks(30).await;
    let path = make(&a, "large.bin", size);
    let began = Instant::now();
    a.ask(Command::SendFiles(vec![path.clone()]));
    file(&b, "large.bin", |of| of.done > 0).await;
    let mut pictures = 0;
    while !file(&b, "large.bin", |_| true).await.state.is_over() {
        let seen = b.looks(15).await;
        let in_order = seen.windows(2).all(|two| two[1].0.wrapping_sub(two[0].0) & 0xff_ffff < 0x80_0000);
        assert!(in_order, "{seen:?}");
        pictures += seen.len();
    }
    assert_eq!(over(&b, "large.bin").await, TransferState::Done);
    let took = began.elapsed();
    assert_eq!(sha256(&path), sha256(&b.downloads().join("large.bin")));
    let stats = b.handle.snapshot().call.as_ref().expect("a call").first().expect("somebody").stats.clone();
    let (video, audio) = (&stats.received.video, &stats.received.audio);
    println!(
        "{size} bytes in {:.1} s, {:.2} MB/s; meanwhile {pictures} pictures looked at, {:.1} fps in the last second, {} freezes \
         of {} ms in the whole call, {:.4} of the sound made up, round trip {:?} ms",
        took.as_secs_f64(),
        size as f64 / took.as_secs_f64() / 1e6,
        video.fps,
        video.freezes,
        video.frozen_ms,
        audio.concealed as f64 / audio.samples.max(1) as f64,
        stats.transport.rtt_ms,
    );
    a.stop();
    b.stop();
    server.shutdown().await;
    took
}

#[test]
fn a_large_file_comes_through_while_pictures_and_sound_go_on() {
    common::run(LIMIT, async {
        beside_a_call(200_000_000).await;
    });
}

/// `VISAVIS_FILE_MB=1000 cargo nextest run --test files --run-ignored only --no-capture`
#[test]
#[ignore = "takes minutes, for its figures: cargo nextest run --test files --run-ignored only --no-capture"]
fn a_very_large_file_beside_a_call_in_figures() {
    let megabytes = std::env::var("VISAVIS_FILE_MB").ok().and_then(|text| text.parse().ok()).unwrap_or(1000);
    common::run(Duration::from_secs(3600), async move {
        beside_a_call(megabytes * 1_000_000).await;
    });
}
