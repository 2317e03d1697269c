//! The origin that fills edgecmp: it makes every value up and keeps none, so
//! that none of its memory is taken for the cache's (`memory:` keeps all).

use bytes::Bytes;
use edgecmp::origin::callback::{HostOrigin, Operation, OriginCall};
use edgecmp::{Code, Version};

use bench_common::keys;

pub struct Synthetic;

impl HostOrigin for Synthetic {
    fn call(&self, call: OriginCall) {
        match call.operation {
            Operation::Fetch { key, .. } => {
                let id = keys::id_of(key.as_bytes()) as u32;
                let value = Bytes::copy_from_slice(&keys::value(id));
                call.responder.value(value, Some(Version::new(1)));
            }
            _ => call.responder.fail(Code::Unsupported, "it only reads"),
        }
    }
}
