//! HMACs of single messages, as metadata are authenticated by.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha512};

use crate::errors::{Error, Result};

/// The HMAC of one message by "sha256" or "sha512".
pub fn hmac(kind: &str, key: &[u8], data: &[u8]) -> Result<Vec<u8>> {
    match kind {
        "sha256" => Ok(mac::<Hmac<Sha256>>(key, data)?.finalize().into_bytes().to_vec()),
        "sha512" => Ok(mac::<Hmac<Sha512>>(key, data)?.finalize().into_bytes().to_vec()),
        _ => Err(Error::value(format!("unknown kind of HMAC: {kind}"))),
    }
}

/// Whether it is the HMAC of the message; how long that takes says nothing about it.
pub fn is_hmac(kind: &str, key: &[u8], data: &[u8], claimed: &[u8]) -> Result<bool> {
    match kind {
        "sha256" => Ok(mac::<Hmac<Sha256>>(key, data)?.verify_slice(claimed).is_ok()),
        "sha512" => Ok(mac::<Hmac<Sha512>>(key, data)?.verify_slice(claimed).is_ok()),
        _ => Err(Error::value(format!("unknown kind of HMAC: {kind}"))),
    }
}

fn mac<M: KeyInit + Mac>(key: &[u8], data: &[u8]) -> Result<M> {
    // HMAC takes keys of any length.
    let mac = <M as KeyInit>::new_from_slice(key).map_err(|_| Error::value("a key of this length"))?;
    Ok(mac.chain_update(data))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_hmac_counts() {
        for (kind, length) in [("sha256", 32), ("sha512", 64)] {
            let right = hmac(kind, b"key", b"data").unwrap();
            assert_eq!(right.len(), length);
            assert!(is_hmac(kind, b"key", b"data", &right).unwrap());
            assert!(!is_hmac(kind, b"key", b"data", &right[1..]).unwrap());
            assert!(!is_hmac(kind, b"key", b"date", &right).unwrap());
            assert!(!is_hmac(kind, b"kex", b"data", &right).unwrap());
        }
    }
}
