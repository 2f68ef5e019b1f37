//! Spoils valid inputs: bytes, numbers, words, lines and whole parts of one another.

/// Values at which arithmetic goes wrong.
const NUMBERS: [&str; 12] = [
    "0",
    "-1",
    "1",
    "255",
    "256",
    "65535",
    "65536",
    "4294967295",
    "4294967296",
    "18446744073709551615",
    "99999999999999999999999999",
    "1e308",
];

const WORDS: [&str; 16] = [
    "null", "true", "[]", "{}", "\"\"", "\\u0000", "\u{202e}", "ü", "\r\n", "\0", "\\", "\"", ":", "=", " ", "\\ud800",
];

/// Inputs kept for further spoiling, besides the seeds.
const POOL: usize = 64;

/// Longest input.
const LONGEST: usize = 16 * 1024;

pub struct Mutator {
    seeds: Vec<Vec<u8>>,
    pool: Vec<Vec<u8>>,
    state: u64,
}

impl Mutator {
    pub fn new(seeds: Vec<Vec<u8>>, seed: u64) -> Self {
        assert!(!seeds.is_empty(), "a target without a valid input");
        Self { pool: seeds.clone(), seeds, state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 }
    }

    fn random(&mut self) -> u64 {
        // xorshift64*
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.random() >> 16) as usize % limit.max(1)
    }

    /// The next input. The seeds themselves come first.
    pub fn next(&mut self) -> Vec<u8> {
        let from = if self.below(4) == 0 { &self.seeds } else { &self.pool };
        let (count, at) = (from.len(), (self.state >> 20) as usize);
        let mut input = from[at % count].clone();
        for _ in 0..=self.below(5) {
            self.spoil(&mut input);
        }
        input.truncate(LONGEST);
        // Some of them are spoilt further: so the valid parts drift apart.
        if self.below(8) == 0 {
            if self.pool.len() < POOL {
                self.pool.push(input.clone());
            } else {
                let at = self.below(POOL);
                let seed = self.below(self.seeds.len());
                self.pool[at] = if self.below(8) == 0 { self.seeds[seed].clone() } else { input.clone() };
            }
        }
        input
    }

    fn spoil(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let end = (at + 1 + self.below(16)).min(input.len());
        match self.below(14) {
            0 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << self.below(8);
                }
            }
            1 => {
                let random = self.random() as u8;
                if let Some(byte) = input.get_mut(at) {
                    *byte = random;
                }
            }
            2 => drop(input.drain(at.min(end)..end)),
            3 => input.truncate(at),
            4 => {
                let random: Vec<u8> = (0..self.below(32)).map(|_| self.random() as u8).collect();
                input.splice(at..at, random);
            }
            5 => {
                let part = input[at.min(end)..end].to_vec();
                let times = 1 + self.below(64);
                input.splice(at..at, part.repeat(times));
            }
            6 => {
                let value = [0, 1, 0x7f, 0x80, 0xff][self.below(5)];
                input[at.min(end)..end].fill(value);
            }
            7 => self.replace_number(input),
            8 => {
                let word = WORDS[self.below(WORDS.len())];
                input.splice(at..at, word.bytes());
            }
            9 => self.move_line(input),
            10 | 11 => {
                let pool = self.below(self.pool.len());
                let other = &self.pool[pool];
                let from = (self.state >> 30) as usize % (other.len() + 1);
                let part = other[from..(from + end - at.min(end) + 40).min(other.len())].to_vec();
                input.splice(at.min(end)..end, part);
            }
            12 => {
                let pool = self.below(self.pool.len());
                let tail = self.pool[pool].clone();
                let cut = self.below(tail.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&tail[cut..]);
            }
            _ => {
                let by = at.min(input.len());
                input.rotate_left(by);
            }
        }
    }

    /// Puts another number where one stands in a text.
    fn replace_number(&mut self, input: &mut Vec<u8>) {
        let starts: Vec<usize> = (0..input.len())
            .filter(|&n| input[n].is_ascii_digit() && (n == 0 || !input[n - 1].is_ascii_digit()))
            .take(200)
            .collect();
        if starts.is_empty() {
            return;
        }
        let start = starts[self.below(starts.len())];
        let length = input[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = NUMBERS[self.below(NUMBERS.len())];
        input.splice(start..start + length, number.bytes());
    }

    /// Takes a line or a member of a list away, doubles it, or moves it.
    fn move_line(&mut self, input: &mut Vec<u8>) {
        let mark = if input.contains(&b'\n') { b'\n' } else { b',' };
        let mut parts: Vec<Vec<u8>> = input.split(|byte| *byte == mark).map(<[u8]>::to_vec).collect();
        let (a, b) = (self.below(parts.len()), self.below(parts.len()));
        match self.below(3) {
            0 => drop(parts.remove(a)),
            1 => parts.insert(b, parts[a].clone()),
            _ => parts.swap(a, b),
        }
        *input = parts.join(&mark);
    }
}
