//! How much of the memory is the window's.
//!
//! ARC's rule (Megiddo and Modha, FAST 2003): a key that returns to the window's
//! ghosts would have been a hit had the window been longer; one that returns to
//! main's, had main. Each return moves the border by the key's own size, and by
//! more if its side has fewer ghosts: what is compared is returns *per ghost*.

use super::ghosts::{Ghost, Left, TURNOVER};

/// Bounds of the window's share, and where it starts (S3-FIFO's 10%).
const LEAST: f32 = 0.01;
const MOST: f32 = 0.9;
const FIRST: f32 = 0.1;
/// A window that has grown to this says that recency is what counts.
const RECENCY: f32 = 0.25;
/// Later returns say little of the border.
const SOON: u16 = TURNOVER / 4;
/// A side without ghosts would move the border without bound.
const LEAST_PART: f32 = 0.02;
/// Evictions per which the parts are averaged, at the least.
const MIN_MEMORY: f32 = 8.0;

#[derive(Debug)]
pub struct Balance {
    share: f32,
    /// Of the last evictions, the part that left the window.
    window_part: f32,
}

impl Default for Balance {
    fn default() -> Self {
        Self { share: FIRST, window_part: 0.5 }
    }
}

impl Balance {
    /// The part of all bytes that the window may take.
    pub fn window_share(&self) -> f32 {
        self.share
    }

    /// Whether what was read last is what will be read next.
    pub fn favours_recency(&self) -> bool {
        self.share > RECENCY
    }

    /// An entry was evicted.
    pub fn left(&mut self, left: Left, residents: usize) {
        let from_window = if left == Left::Window { 1.0 } else { 0.0 };
        // Those that may still return soon.
        let memory = (residents as f32 * f32::from(SOON) / f32::from(TURNOVER)).max(MIN_MEMORY);
        self.window_part += (from_window - self.window_part) / memory;
    }

    /// An entry, of this share of all bytes, returned; whether main takes it.
    pub fn returned(&mut self, ghost: Ghost, share: f32, admitted: bool) {
        if ghost.age > SOON {
            return;
        }
        let window = self.window_part.max(LEAST_PART);
        let main = (1.0 - self.window_part).max(LEAST_PART);
        self.share += match ghost.left {
            Left::Window if admitted => share * (main / window).max(1.0),
            // In a loop a longer window gains nothing until it holds all of it.
            Left::Window => 0.0,
            Left::Main => -share * (window / main).max(1.0),
        };
        self.share = self.share.clamp(LEAST, MOST);
    }
}
