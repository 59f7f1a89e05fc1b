//! Encodings, checksums and JSON.

use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::Entry;
use super::args::{any, text};
use super::strings::{bytes, entry};
use crate::Value;
use crate::go::json;

pub(super) const TABLE: &[Entry] = &[
    entry("b64enc", "s", |_, a| Ok(base64(text(a, 0).as_bytes()).into())),
    entry("b64dec", "s", |_, a| Ok(unbase64(text(a, 0)).map_or_else(Value::from, lossy))),
    entry("b32enc", "s", |_, a| Ok(base32(text(a, 0).as_bytes()).into())),
    entry("b32dec", "s", |_, a| Ok(unbase32(text(a, 0)).map_or_else(Value::from, lossy))),
    entry("sha1sum", "s", |_, a| Ok(hex(&Sha1::digest(text(a, 0).as_bytes())).into())),
    entry("sha256sum", "s", |_, a| Ok(hex(&Sha256::digest(text(a, 0).as_bytes())).into())),
    entry("sha512sum", "s", |_, a| Ok(hex(&Sha512::digest(text(a, 0).as_bytes())).into())),
    entry("adler32sum", "s", |_, a| Ok(adler32(text(a, 0).as_bytes()).to_string().into())),
    entry("toJson", "a", |_, a| Ok(json::encode(any(a, 0), true).unwrap_or_default().into())),
    entry("mustToJson", "a", |_, a| Ok(json::encode(any(a, 0), true)?.into())),
    entry("toRawJson", "a", |_, a| Ok(json::encode(any(a, 0), false)?.into())),
    entry("mustToRawJson", "a", |_, a| Ok(json::encode(any(a, 0), false)?.into())),
    entry("toPrettyJson", "a", |_, a| Ok(json::encode_indented(any(a, 0), "  ", true).unwrap_or_default().into())),
    entry("mustToPrettyJson", "a", |_, a| Ok(json::encode_indented(any(a, 0), "  ", true)?.into())),
    entry("fromJson", "s", |_, a| Ok(json::decode(text(a, 0)).unwrap_or_default())),
    entry("mustFromJson", "s", |_, a| json::decode(text(a, 0))),
    entry("randBytes", "i", |env, a| {
        let Some(Value::Int(n)) = a.first() else { return Err("a number is needed".to_owned()) };
        Ok(base64(&bytes(env, usize::try_from(*n).unwrap_or(0).min(1_000_000))?).into())
    }),
];

fn lossy(bytes: Vec<u8>) -> Value {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn adler32(bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in bytes {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    b << 16 | a
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn encode(input: &[u8], alphabet: &[u8], bits: u32, group: usize) -> String {
    let mut out = String::with_capacity(input.len().saturating_mul(2));
    let (mut held, mut count) = (0_u32, 0_u32);
    let mut push = |value: u32| out.push(alphabet.get(value as usize).copied().map_or('=', char::from));
    let mask = (1 << bits) - 1;
    for byte in input {
        held = held << 8 | u32::from(*byte);
        count += 8;
        while count >= bits {
            count -= bits;
            push(held >> count & mask);
        }
        held &= (1 << count) - 1;
    }
    if count > 0 {
        push(held << (bits - count) & mask);
    }
    while !out.len().is_multiple_of(group) {
        out.push('=');
    }
    out
}

fn decode(input: &str, alphabet: &[u8], bits: u32, group: usize, what: &str) -> Result<Vec<u8>, String> {
    let bad = |at: usize| format!("illegal {what} data at input byte {at}");
    let mut out = Vec::new();
    let (mut held, mut count, mut digits, mut padding) = (0_u32, 0_u32, 0_usize, 0_usize);
    for (at, byte) in input.bytes().enumerate() {
        if matches!(byte, b'\n' | b'\r') {
            continue;
        }
        if byte == b'=' {
            padding += 1;
            if digits % group < 2 || (digits + padding) > digits.next_multiple_of(group) {
                return Err(bad(at));
            }
            continue;
        }
        let value = alphabet.iter().position(|a| *a == byte).filter(|_| padding == 0).ok_or_else(|| bad(at))?;
        digits += 1;
        held = held << bits | u32::try_from(value).unwrap_or(0);
        count += bits;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from(held >> count & 0xff).unwrap_or(0));
        }
        held &= (1 << count) - 1;
    }
    if !(digits + padding).is_multiple_of(group) {
        // As Go: the error stands where the unfinished group begins.
        return Err(bad(digits / group * group + if padding > 0 { digits % group + padding } else { 0 }));
    }
    Ok(out)
}

pub(crate) fn base64(input: &[u8]) -> String {
    encode(input, BASE64, 6, 4)
}

pub(crate) fn unbase64(input: &str) -> Result<Vec<u8>, String> {
    decode(input, BASE64, 6, 4, "base64")
}

fn base32(input: &[u8]) -> String {
    encode(input, BASE32, 5, 8)
}

fn unbase32(input: &str) -> Result<Vec<u8>, String> {
    decode(input, BASE32, 5, 8, "base32")
}

#[cfg(test)]
mod tests {
    use super::{base32, base64, unbase32, unbase64};

    #[test]
    fn there_and_back() {
        for text in ["", "a", "ab", "abc", "hello?>é"] {
            assert_eq!(unbase64(&base64(text.as_bytes())).unwrap(), text.as_bytes());
            assert_eq!(unbase32(&base32(text.as_bytes())).unwrap(), text.as_bytes());
        }
        assert_eq!((base64(b"hello").as_str(), base32(b"hello").as_str()), ("aGVsbG8=", "NBSWY3DP"));
        assert_eq!(unbase64("aGVsbG8"), Err("illegal base64 data at input byte 4".into()));
        for bad in ["a", "=", "a===", "ab=c", "ab=", "!!"] {
            assert!(unbase64(bad).is_err(), "{bad}");
        }
    }
}
