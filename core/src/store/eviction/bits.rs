//! A bit for each slot.

#[derive(Debug, Default)]
pub struct Bits(Vec<u64>);

impl Bits {
    pub fn get(&self, slot: u32) -> bool {
        self.0.get(slot as usize / 64).is_some_and(|word| word >> (slot % 64) & 1 == 1)
    }

    pub fn set(&mut self, slot: u32, value: bool) {
        let at = slot as usize / 64;
        if at >= self.0.len() {
            if !value {
                return;
            }
            self.0.resize(at + 1, 0);
        }
        let bit = 1 << (slot % 64);
        if value {
            self.0[at] |= bit;
        } else {
            self.0[at] &= !bit;
        }
    }

    /// Bytes that they take.
    pub fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<u64>()
    }
}
