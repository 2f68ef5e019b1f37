//! Full rooms, and rooms that people come into and leave all the time.

mod common;
mod people;

use std::time::{Duration, Instant};

use common::dice::Dice;
use people::crowd::*;
use people::{Person, server};
use visavis::model::command::Command;

/// Of the one with many comings and goings.
const LONG: Duration = Duration::from_secs(300);
/// Twelve of them a minute.
const PACE: Duration = Duration::from_secs(5);
const SEED: u64 = 0x5eed;

fn join(one: &Person) {
    one.ask(Command::JoinRoom { name: "everybody".to_owned(), password: None, limit: None, video: true });
}

#[test]
fn six_people_see_and_hear_each_other() {
    common::run(Duration::from_secs(240), async {
        let (server, url) = server().await;
        let people = crowd(&url, 6).await;
        people.iter().for_each(join);
        let all: Vec<_> = people.iter().collect();
        meet(&all).await;
        for one in &all {
            sees_all(one).await;
        }
        hears_all(&all, &TONES).await;
        drop(people);
        drop(server);
    });
}

/// Memory of this process, kB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

/// Two stay, four come and go by chance; the two never miss a word of each other.
#[test]
#[ignore = "takes five minutes: cargo test --test rooms_long -- --ignored --nocapture"]
fn for_five_minutes_somebody_comes_or_goes_every_five_seconds() {
    common::run(LONG + Duration::from_secs(240), async {
        let (server, url) = server().await;
        let people = crowd(&url, 6).await;
        let (stay, come) = people.split_at(2);
        stay.iter().for_each(join);
        meet(&stay.iter().collect::<Vec<_>>()).await;
        until("each other's voice", || hears(&stay[0], TONES[1]) > HEARD && hears(&stay[1], TONES[0]) > HEARD).await;
        let from = [0, 1].map(|n: usize| played(&stay[n].heard()).len());
        let (begun, mut dice, mut inside, mut changes) = (Instant::now(), Dice(SEED), [false; 4], 0);
        let mut pace = tokio::time::interval(PACE);
        while begun.elapsed() < LONG {
            pace.tick().await;
            let who = dice.roll(4) as usize;
            inside[who] = !inside[who];
            changes += 1;
            if inside[who] {
                join(&come[who]);
            } else {
                come[who].ask(Command::HangUp);
                come[who].ask(Command::DismissEnded);
            }
            let there = come.iter().zip(inside).filter(|(_, inside)| *inside).map(|(one, _)| one);
            let all: Vec<_> = stay.iter().chain(there).collect();
            meet(&all).await;
            println!("{:3.0} s: {} there, {} MB", begun.elapsed().as_secs_f64(), all.len(), memory() / 1000);
        }
        println!("{changes} comings and goings");
        for (n, one) in stay.iter().enumerate() {
            assert_eq!(gap(one, from[n], TONES[1 - n]), None, "without the other's voice");
        }
        // Threads and files that are left fail the test: see `common`.
        drop(people);
        drop(server);
    });
}
