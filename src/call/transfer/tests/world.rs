//! Two sides, what is between them, and their disks.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::super::*;

fn hash(bytes: &[u8]) -> Hash {
    Hash(Sha256::digest(bytes).into())
}

pub fn id(n: u8) -> TransferId {
    TransferId([n; 16])
}

pub fn file(n: u8, size: usize) -> Vec<u8> {
    (0..size).map(|at| (at * 7 + at / 251) as u8 ^ n).collect()
}

#[derive(Debug, Clone)]
pub enum Wire {
    Text(String),
    Bytes(Bytes),
}

#[derive(Default)]
pub struct Disk {
    pub sources: HashMap<TransferId, (Vec<u8>, usize)>,
    pub parts: HashMap<TransferId, Vec<u8>>,
    pub kept: HashMap<TransferId, Vec<u8>>,
    pub asked: VecDeque<Output>,
}

pub struct Side {
    pub machine: Transfers,
    pub disk: Disk,
    pub up: bool,
    pub offered: Vec<TransferId>,
    pub over: Vec<TransferId>,
}

impl Side {
    fn new(now: Instant) -> Self {
        let machine = Transfers::new(now);
        Self { machine, disk: Disk::default(), up: false, offered: vec![], over: vec![] }
    }

    /// Answers the oldest question to the disk.
    fn work(&mut self, now: Instant) -> bool {
        let Some(asked) = self.disk.asked.pop_front() else { return false };
        let disk = &mut self.disk;
        let input = match asked {
            Output::OpenSource { id, turn, have, sha256 } => {
                let (content, _) = disk.sources.get(&id).expect("a file that was offered");
                let same = sha256.is_some_and(|sha256| hash(&content[..have as usize]) == sha256);
                let from = if same { have } else { 0 };
                Some(Input::Opened { id, turn, from, sha256: (from == content.len() as u64).then(|| hash(content)) })
            }
            Output::Read { id, at, len } => {
                let (content, _) = &disk.sources[&id];
                let bytes = content[at as usize..][..len as usize].to_vec().into();
                let end = at + u64::from(len) == content.len() as u64;
                Some(Input::Read { id, at, bytes, sha256: end.then(|| hash(content)) })
            }
            Output::OpenSink { id, turn, .. } => {
                let part = disk.parts.entry(id).or_default();
                Some(Input::Part { id, turn, have: part.len() as u64, sha256: hash(part) })
            }
            Output::Rewind(id) => {
                disk.parts.insert(id, vec![]);
                None
            }
            Output::Write { id, at, bytes } => {
                let part = disk.parts.get_mut(&id).expect("a place");
                assert_eq!(part.len() as u64, at, "no gap");
                part.extend(&bytes);
                Some(Input::Written { id, have: part.len() as u64 })
            }
            Output::Finish(id, sha256) => {
                let part = disk.parts.remove(&id).expect("a place");
                if hash(&part) == sha256 {
                    disk.kept.insert(id, part);
                    Some(Input::Kept(id))
                } else {
                    Some(Input::Failed(id, Fault { why: Why::Damaged, words: "damaged".into() }))
                }
            }
            Output::DropSink(id) => {
                disk.parts.remove(&id);
                None
            }
            _ => None,
        };
        if let Some(input) = input {
            self.machine.handle(now, input);
        }
        true
    }
}

/// Both sides and what is between them.
pub struct World {
    now: Instant,
    pub sides: [Side; 2],
    /// To side 0 and to side 1.
    pub wires: [VecDeque<Wire>; 2],
    count: u8,
}

impl World {
    pub fn new(now: Instant) -> Self {
        Self { now, sides: [Side::new(now), Side::new(now)], wires: Default::default(), count: 0 }
    }

    pub fn connected(now: Instant) -> Self {
        let mut world = Self::new(now);
        world.open(0);
        world.open(1);
        world
    }

    pub fn drain(&mut self) {
        for n in 0..2 {
            while let Some(output) = self.sides[n].machine.poll() {
                let side = &mut self.sides[n];
                match output {
                    Output::Text(text) if side.up => self.wires[1 - n].push_back(Wire::Text(text)),
                    Output::Bytes(bytes) if side.up => self.wires[1 - n].push_back(Wire::Bytes(bytes)),
                    Output::Text(_) | Output::Bytes(_) => {}
                    Output::Offered(id) => side.offered.push(id),
                    Output::Over(id) => side.over.push(id),
                    other => side.disk.asked.push_back(other),
                }
            }
        }
    }

    pub fn tell(&mut self, n: usize, input: Input<'_>) {
        self.sides[n].machine.handle(self.now, input);
        self.drain();
    }

    pub fn open(&mut self, n: usize) {
        self.sides[n].up = true;
        self.tell(n, Input::Open);
    }

    /// What was on its way is gone; a side may not even be told.
    pub fn cut(&mut self, told: [bool; 2]) {
        self.wires = Default::default();
        for (n, told) in told.into_iter().enumerate() {
            self.sides[n].up = false;
            if told {
                self.tell(n, Input::Closed);
            }
        }
    }

    pub fn offer(&mut self, n: usize, size: usize) -> TransferId {
        self.count += 1;
        let id = id(self.count);
        let content = file(self.count, size);
        self.sides[n].disk.sources.insert(id, (content, 0));
        self.sides[n].machine.offer(id, &format!("{}.bin", self.count), size as u64).unwrap();
        self.drain();
        id
    }

    pub fn deliver(&mut self, n: usize) -> bool {
        if !self.sides[n].up {
            return false;
        }
        let Some(message) = self.wires[n].pop_front() else { return false };
        match message {
            Wire::Text(text) => self.tell(n, Input::Text(text.as_bytes())),
            Wire::Bytes(bytes) => self.tell(n, Input::Bytes(bytes)),
        }
        true
    }

    pub fn work(&mut self, n: usize) -> bool {
        let worked = self.sides[n].work(self.now);
        self.drain();
        worked
    }

    pub fn wait(&mut self, time: Duration) {
        self.now += time;
        for n in 0..2 {
            if self.sides[n].machine.deadline().is_some_and(|at| at <= self.now) {
                self.tell(n, Input::Tick);
            }
        }
    }

    /// Everything that can move does by one step, or time passes.
    pub fn go_on(&mut self) -> bool {
        let moved = [self.deliver(0), self.deliver(1), self.work(0), self.work(1)].contains(&true);
        if !moved {
            self.wait(Duration::from_millis(5));
        }
        moved
    }

    /// Until nothing moves any more.
    pub fn settle(&mut self) {
        let mut idle = 0;
        while idle < 2000 {
            idle = if self.go_on() { 0 } else { idle + 1 };
            for side in &self.sides {
                let way: u64 = side.machine.outgoing.iter().map(Outgoing::way).sum();
                assert!(way <= MOST_WAY, "{way} bytes on their way");
            }
        }
    }

    pub fn state(&self, n: usize, id: TransferId) -> TransferState {
        self.sides[n].machine.entry(id).expect("a transfer that is known").state
    }
}
