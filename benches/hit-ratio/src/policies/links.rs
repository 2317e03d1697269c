//! Doubly linked lists over dense ids, the backbone of the reference policies.

const NONE: u32 = u32::MAX;

/// The links of all ids; an id is in at most one list at a time.
pub struct Links {
    prev: Vec<u32>,
    next: Vec<u32>,
}

/// One list: `front` is the newest.
pub struct List {
    front: u32,
    back: u32,
    len: usize,
}

impl Links {
    pub fn new(ids: usize) -> Self {
        Self { prev: vec![NONE; ids], next: vec![NONE; ids] }
    }

    /// The neighbour on the side of the front.
    pub fn newer(&self, id: u32) -> Option<u32> {
        (self.prev[id as usize] != NONE).then(|| self.prev[id as usize])
    }
}

impl List {
    pub fn new() -> Self {
        Self { front: NONE, back: NONE, len: 0 }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn back(&self) -> Option<u32> {
        (self.back != NONE).then_some(self.back)
    }

    pub fn push_front(&mut self, links: &mut Links, id: u32) {
        links.prev[id as usize] = NONE;
        links.next[id as usize] = self.front;
        match self.front {
            NONE => self.back = id,
            front => links.prev[front as usize] = id,
        }
        self.front = id;
        self.len += 1;
    }

    pub fn remove(&mut self, links: &mut Links, id: u32) {
        let (prev, next) = (links.prev[id as usize], links.next[id as usize]);
        match prev {
            NONE => self.front = next,
            prev => links.next[prev as usize] = next,
        }
        match next {
            NONE => self.back = prev,
            next => links.prev[next as usize] = prev,
        }
        self.len -= 1;
    }

    pub fn pop_back(&mut self, links: &mut Links) -> Option<u32> {
        let id = self.back()?;
        self.remove(links, id);
        Some(id)
    }
}
