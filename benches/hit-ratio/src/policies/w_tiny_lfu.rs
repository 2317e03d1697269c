//! W-TinyLFU with hill climbing as in Caffeine (Einziger et al., "Adaptive
//! Software Cache Management", Middleware 2018): an LRU window, a segmented LRU
//! (80% protected) behind it, a frequency sketch that decides who stays.

use super::Simulated;
use super::links::{Links, List};
use super::sketch::Sketch;

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Out,
    Window,
    Probation,
    Protected,
}

pub struct WTinyLfu {
    capacity: usize,
    window_max: usize,
    protected_max: usize,
    links: Links,
    window: List,
    probation: List,
    protected: List,
    place: Vec<Place>,
    sketch: Sketch,
    climber: Climber,
}

struct Climber {
    requests: usize,
    hits: usize,
    previous: f64,
    step: f64,
}

impl WTinyLfu {
    pub fn new(capacity: usize, ids: usize) -> Self {
        let window_max = (capacity / 100).max(1);
        Self {
            capacity,
            window_max,
            protected_max: (capacity - window_max) * 8 / 10,
            links: Links::new(ids),
            window: List::new(),
            probation: List::new(),
            protected: List::new(),
            place: vec![Place::Out; ids],
            sketch: Sketch::new(capacity),
            climber: Climber { requests: 0, hits: 0, previous: 0.0, step: -0.0625 * capacity as f64 },
        }
    }

    fn hit(&mut self, id: u32) {
        match self.place[id as usize] {
            Place::Out => unreachable!("a hit is resident"),
            Place::Window => {
                self.window.remove(&mut self.links, id);
                self.window.push_front(&mut self.links, id);
            }
            Place::Probation => {
                self.probation.remove(&mut self.links, id);
                self.protected.push_front(&mut self.links, id);
                self.place[id as usize] = Place::Protected;
                self.demote();
            }
            Place::Protected => {
                self.protected.remove(&mut self.links, id);
                self.protected.push_front(&mut self.links, id);
            }
        }
    }

    fn demote(&mut self) {
        while self.protected.len() > self.protected_max
            && let Some(id) = self.protected.pop_back(&mut self.links)
        {
            self.place[id as usize] = Place::Probation;
            self.probation.push_front(&mut self.links, id);
        }
    }

    fn miss(&mut self, id: u32) {
        self.window.push_front(&mut self.links, id);
        self.place[id as usize] = Place::Window;
        while self.window.len() > self.window_max
            && let Some(candidate) = self.window.pop_back(&mut self.links)
        {
            self.probation.push_front(&mut self.links, candidate);
            self.place[candidate as usize] = Place::Probation;
            if self.window.len() + self.probation.len() + self.protected.len() > self.capacity {
                self.contest(candidate);
            }
        }
    }

    fn contest(&mut self, candidate: u32) {
        let victim = match self.probation.back() {
            Some(back) if back != candidate => back,
            _ => self.protected.back().unwrap_or(candidate),
        };
        let loser =
            if self.sketch.estimate(candidate) > self.sketch.estimate(victim) { victim } else { candidate };
        let list = if self.place[loser as usize] == Place::Protected {
            &mut self.protected
        } else {
            &mut self.probation
        };
        list.remove(&mut self.links, loser);
        self.place[loser as usize] = Place::Out;
    }

    fn climb(&mut self) {
        let climber = &mut self.climber;
        if climber.requests < 10 * self.capacity {
            return;
        }
        let ratio = climber.hits as f64 / climber.requests as f64;
        let change = ratio - climber.previous;
        let amount = if change >= 0.0 { climber.step } else { -climber.step };
        climber.step = if change.abs() >= 0.05 {
            0.0625 * self.capacity as f64 * amount.signum()
        } else {
            0.98 * amount
        };
        climber.previous = ratio;
        (climber.requests, climber.hits) = (0, 0);
        let most = (self.capacity * 8 / 10).max(1) as f64;
        self.window_max = (self.window_max as f64 + amount).clamp(1.0, most) as usize;
        self.protected_max = (self.capacity - self.window_max) * 8 / 10;
        self.demote();
        // A window that grew takes the oldest of probation, one that shrank gives.
        while self.window.len() < self.window_max
            && let Some(id) = self.probation.pop_back(&mut self.links)
        {
            self.window.push_front(&mut self.links, id);
            self.place[id as usize] = Place::Window;
        }
        while self.window.len() > self.window_max
            && let Some(id) = self.window.pop_back(&mut self.links)
        {
            self.probation.push_front(&mut self.links, id);
            self.place[id as usize] = Place::Probation;
        }
    }
}

impl Simulated for WTinyLfu {
    fn access(&mut self, id: u32) -> bool {
        self.sketch.add(id);
        let hit = self.place[id as usize] != Place::Out;
        if hit {
            self.hit(id);
        } else {
            self.miss(id);
        }
        self.climber.requests += 1;
        self.climber.hits += usize::from(hit);
        self.climb();
        hit
    }
}
