//! What goes into one transaction: etcd refuses more than 128 operations and more
//! than 1.5 MiB, at its default settings.

const MOST: usize = 100;
const MOST_BYTES: usize = 1 << 20;
/// Of an operation, beside the name that it is about.
const REST: usize = 128;

/// Cuts what is to be asked for, by the names that it is about. One that is too large
/// goes alone, and etcd says so.
pub fn cut<T>(asked: impl IntoIterator<Item = T>, name: impl Fn(&T) -> &[u8]) -> Vec<Vec<T>> {
    let (mut batches, mut room) = (Vec::<Vec<T>>::new(), 0);
    for one in asked {
        // A name stands in what is compared and in what is done.
        let bytes = 2 * name(&one).len() + REST;
        match batches.last_mut() {
            Some(batch) if batch.len() < MOST && bytes <= room => {
                room -= bytes;
                batch.push(one);
            }
            _ => {
                room = MOST_BYTES.saturating_sub(bytes);
                batches.push(vec![one]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(names: Vec<Vec<u8>>) -> Vec<usize> {
        cut(names, |name| name).iter().map(Vec::len).collect()
    }

    #[test]
    fn by_number_and_by_bytes() {
        assert_eq!(lengths(Vec::new()), [0; 0]);
        assert_eq!(lengths(vec![b"short".to_vec(); 250]), [100, 100, 50]);
        assert_eq!(lengths(vec![vec![b'x'; 65_000]; 20]), [8, 8, 4]);
        assert_eq!(lengths(vec![vec![b'x'; 2 << 20], b"a".to_vec(), b"b".to_vec()]), [1, 2]);
    }
}
