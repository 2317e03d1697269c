//! Faults at random: of the origin, and of etcd and the way to it.

use std::time::{Duration, Instant};

use bench_common::random::Random;
use edgecmp_faulty_origin::{Mode, Origin};
use edgecmp_servers::{Cut, EtcdCluster};

fn millis(random: &mut Random, (from, to): (u64, u64)) -> Duration {
    Duration::from_millis(from + random.below(to - from))
}

/// What the origin does, and until when.
pub struct OriginChaos {
    random: Random,
    origin: Origin,
    until: Instant,
    /// It goes up and down until then, with the next turn then.
    flaps: Option<(Instant, Instant)>,
    pub faults: u64,
}

const LONG: (u64, u64) = (1_000, 8_000);
const SHORT: (u64, u64) = (50, 400);
const CALM: (u64, u64) = (500, 6_000);

impl OriginChaos {
    pub fn new(seed: u64, origin: Origin) -> Self {
        Self { random: Random::new(seed), origin, until: Instant::now(), flaps: None, faults: 0 }
    }

    fn fault(&mut self) -> Mode {
        match self.random.below(5) {
            0 => Mode::Dead,
            1 => Mode::Slow(millis(&mut self.random, (300, 3_000))),
            2 => Mode::Status500,
            3 => Mode::Garbage,
            _ => Mode::HalfBody,
        }
    }

    /// Goes on; to be called every few milliseconds.
    pub fn tick(&mut self) {
        let now = Instant::now();
        if let Some((end, turn)) = self.flaps {
            if now < turn {
                return;
            }
            let mode = if self.origin.mode() == Mode::Well && now < end { self.fault() } else { Mode::Well };
            self.origin.set_mode(mode);
            self.flaps = Some((end, now + millis(&mut self.random, (20, 800))));
            if now >= end {
                self.flaps = None;
                self.until = now + millis(&mut self.random, CALM);
            }
            return;
        }
        if now < self.until {
            return;
        }
        if self.origin.mode() != Mode::Well {
            self.origin.set_mode(Mode::Well);
            self.until = now + millis(&mut self.random, CALM);
            return;
        }
        self.faults += 1;
        match self.random.below(4) {
            0 => self.flaps = Some((now + millis(&mut self.random, LONG), now)),
            kind => {
                let range = if kind == 1 { SHORT } else { LONG };
                let mode = self.fault();
                self.origin.set_mode(mode);
                self.until = now + millis(&mut self.random, range);
            }
        }
    }

    pub fn calm(&mut self) {
        self.flaps = None;
        self.until = Instant::now();
        self.origin.set_mode(Mode::Well);
    }
}

#[derive(Clone, Copy)]
enum What {
    Kill,
    Pause,
    Cut,
}

/// What etcd does, and until when.
pub struct EtcdChaos {
    random: Random,
    cluster: EtcdCluster,
    cuts: Vec<Cut>,
    until: Instant,
    broken: Option<(What, Vec<usize>)>,
    pub faults: u64,
}

impl EtcdChaos {
    /// By the thread that goes on to live: members end with it.
    pub fn start(seed: u64) -> Self {
        let cluster = EtcdCluster::start(3);
        let cuts = (0..3).map(|index| Cut::before(cluster.port(index))).collect();
        Self { random: Random::new(seed), cluster, cuts, until: Instant::now(), broken: None, faults: 0 }
    }

    pub fn url(&self) -> String {
        format!("etcd://{}", self.cuts.iter().map(Cut::endpoint).collect::<Vec<_>>().join(","))
    }

    pub fn tick(&mut self) {
        if Instant::now() < self.until {
            return;
        }
        if self.broken.is_some() {
            self.mend();
            self.until = Instant::now() + millis(&mut self.random, CALM);
            return;
        }
        self.faults += 1;
        let members = match self.random.below(3) {
            0 => vec![0, 1, 2],
            _ => vec![self.random.below(3) as usize],
        };
        let what = [What::Kill, What::Pause, What::Cut][self.random.below(3) as usize];
        for &index in &members {
            match what {
                What::Kill => self.cluster.kill(index),
                What::Pause => self.cluster.pause(index),
                What::Cut => self.cuts[index].cut(),
            }
        }
        self.broken = Some((what, members));
        self.until = Instant::now() + millis(&mut self.random, (100, 6_000));
    }

    fn mend(&mut self) {
        let Some((what, members)) = self.broken.take() else { return };
        for index in members {
            match what {
                What::Kill => self.cluster.restart(index),
                What::Pause => self.cluster.resume(index),
                What::Cut => self.cuts[index].restore(),
            }
        }
    }

    pub fn calm(&mut self) {
        self.mend();
        self.until = Instant::now();
    }

    pub fn wait_healthy(&mut self) {
        self.cluster.wait_healthy();
    }
}
