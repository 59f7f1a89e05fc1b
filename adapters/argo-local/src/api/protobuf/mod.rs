//! Bodies in protobuf, as Go clients send them for built-in kinds: taken apart by the table of types, and answers made by it.

mod write;

use serde_json::{Map, Value};

use super::types::{self, Code, Field};

pub(crate) use write::{event, knows, write};

/// What every protobuf body of Kubernetes begins with.
pub(crate) const MAGIC: &[u8] = b"k8s\0";
/// Deeper than any type; what nests more is refused.
const MAX_DEPTH: usize = 64;

/// A value on the wire.
enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (first, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(first & 0x7f).checked_shl(shift)?;
            if first & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// The next field: its number and value.
    fn next(&mut self) -> Option<(u64, Wire<'a>)> {
        let key = self.varint()?;
        let wire = match key & 7 {
            0 => Wire::Number(self.varint()?),
            1 => Wire::Number(u64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Wire::Bytes(self.take(length)?)
            }
            5 => Wire::Number(u64::from(u32::from_le_bytes(self.take(4)?.try_into().ok()?))),
            _ => return None,
        };
        Some((key >> 3, wire))
    }
}

fn fields(bytes: &[u8]) -> Option<Vec<(u64, Wire<'_>)>> {
    let mut reader = Reader(bytes);
    let mut out = Vec::new();
    while !reader.0.is_empty() {
        out.push(reader.next()?);
    }
    Some(out)
}

/// Reads a body: the envelope, and in it an object of the type that `type_of` gives for `apiVersion` and `kind`.
pub(crate) fn read(body: &[u8], type_of: impl Fn(&str, &str) -> Option<&'static str>) -> Option<Value> {
    let body = body.strip_prefix(MAGIC)?;
    let (mut api_version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    for (number, wire) in fields(body)? {
        match (number, wire) {
            (1, Wire::Bytes(meta)) => {
                for (number, wire) in fields(meta)? {
                    let Wire::Bytes(text) = wire else { return None };
                    let text = String::from_utf8(text.to_vec()).ok()?;
                    if number == 1 { api_version = text } else { kind = text }
                }
            }
            (2, Wire::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let mut object = message(raw, type_of(&api_version, &kind)?, 0)?;
    object.insert("apiVersion".to_owned(), api_version.into());
    object.insert("kind".to_owned(), kind.into());
    Some(Value::Object(object))
}

fn message(bytes: &[u8], type_name: &str, depth: usize) -> Option<Map<String, Value>> {
    if depth > MAX_DEPTH {
        return None;
    }
    let known = types::find(type_name)?;
    let mut out = Map::new();
    for (number, wire) in fields(bytes)? {
        if let Some((name, field)) = known.fields.iter().find(|(_, f)| f.number == (number, 0)) {
            put(&mut out, name, field, &wire, depth)?;
        } else if let Wire::Bytes(inner) = wire
            && known.fields.values().any(|f| f.number.0 == number && f.number.1 > 0)
        {
            for (below, wire) in fields(inner)? {
                if let Some((name, field)) = known.fields.iter().find(|(_, f)| f.number == (number, below)) {
                    put(&mut out, name, field, &wire, depth)?;
                }
            }
        }
    }
    Some(out)
}

fn put(out: &mut Map<String, Value>, name: &str, field: &Field, wire: &Wire<'_>, depth: usize) -> Option<()> {
    match (&field.code, wire) {
        (Code::List { item, .. }, wire) => {
            let list = out.entry(name.to_owned()).or_insert_with(|| Value::Array(Vec::new())).as_array_mut()?;
            match (&**item, wire) {
                // Numbers may come packed.
                (Code::Int32 | Code::Int64 | Code::Bool, Wire::Bytes(packed)) => {
                    let mut reader = Reader(packed);
                    while !reader.0.is_empty() {
                        list.push(value(item, &Wire::Number(reader.varint()?), depth)?);
                    }
                }
                _ => list.push(value(item, wire, depth)?),
            }
        }
        (Code::Map { value: inner, .. }, Wire::Bytes(entry)) => {
            let (mut key, mut item) = (String::new(), None);
            for (number, wire) in fields(entry)? {
                match (number, wire) {
                    (1, Wire::Bytes(text)) => key = String::from_utf8(text.to_vec()).ok()?,
                    (2, wire) => item = Some(value(inner, &wire, depth)?),
                    _ => {}
                }
            }
            let map = out.entry(name.to_owned()).or_insert_with(|| Value::Object(Map::new())).as_object_mut()?;
            map.insert(key, item.unwrap_or_else(|| "".into()));
        }
        (code, wire) => {
            out.insert(name.to_owned(), value(code, wire, depth)?);
        }
    }
    Some(())
}

#[allow(clippy::cast_possible_wrap)]
fn signed(number: u64) -> i64 {
    // Negative numbers are on the wire as their two's complement.
    number as i64
}

fn value(code: &Code, wire: &Wire<'_>, depth: usize) -> Option<Value> {
    Some(match (code, wire) {
        (Code::Bool, Wire::Number(n)) => (*n != 0).into(),
        (Code::Int32 | Code::Int64, Wire::Number(n)) => signed(*n).into(),
        (Code::Number, Wire::Number(n)) => f64::from_bits(*n).into(),
        (Code::Text, Wire::Bytes(text)) => String::from_utf8(text.to_vec()).ok()?.into(),
        (Code::Bytes, Wire::Bytes(bytes)) => {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.encode(bytes).into()
        }
        (Code::Type(name), Wire::Bytes(bytes)) => Value::Object(message(bytes, name, depth.saturating_add(1))?),
        (Code::Quantity, Wire::Bytes(bytes)) => {
            let text = fields(bytes)?.into_iter().find_map(|(n, w)| match (n, w) {
                (1, Wire::Bytes(text)) => String::from_utf8(text.to_vec()).ok(),
                _ => None,
            });
            text.unwrap_or_else(|| "0".to_owned()).into()
        }
        (Code::Time | Code::MicroTime, Wire::Bytes(bytes)) => time(bytes, matches!(code, Code::MicroTime))?,
        (Code::IntOrText, Wire::Bytes(bytes)) => {
            let (mut is_text, mut number, mut text) = (false, 0, String::new());
            for (n, wire) in fields(bytes)? {
                match (n, wire) {
                    (1, Wire::Number(kind)) => is_text = kind == 1,
                    (2, Wire::Number(n)) => number = signed(n),
                    (3, Wire::Bytes(bytes)) => text = String::from_utf8(bytes.to_vec()).ok()?,
                    _ => {}
                }
            }
            if is_text { text.into() } else { number.into() }
        }
        // What may be anything is JSON inside.
        (Code::Any, Wire::Bytes(bytes)) => fields(bytes)?
            .into_iter()
            .find_map(|(n, w)| match (n, w) {
                (1, Wire::Bytes(raw)) => serde_json::from_slice(raw).ok(),
                _ => None,
            })
            .unwrap_or(Value::Null),
        _ => return None,
    })
}

fn time(bytes: &[u8], micro: bool) -> Option<Value> {
    let (mut seconds, mut nanos) = (0, 0);
    for (number, wire) in fields(bytes)? {
        match (number, wire) {
            (1, Wire::Number(n)) => seconds = signed(n),
            (2, Wire::Number(n)) => nanos = i32::try_from(signed(n)).ok()?,
            _ => {}
        }
    }
    if seconds == 0 && nanos == 0 {
        return Some(Value::Null);
    }
    let time = jiff::Timestamp::new(seconds, nanos).ok()?;
    let format = if micro { "%Y-%m-%dT%H:%M:%S.%6fZ" } else { "%Y-%m-%dT%H:%M:%SZ" };
    Some(time.strftime(format).to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_read() {
        // ServiceAccount v1 {metadata: {name: "bob"}}, as client-go writes it.
        let inner = [0x0a, 5, 0x0a, 3, b'b', b'o', b'b'];
        let mut body = MAGIC.to_vec();
        body.extend([0x0a, 20, 0x0a, 2, b'v', b'1', 0x12, 14]);
        body.extend(b"ServiceAccount");
        body.extend([0x12, u8::try_from(inner.len()).unwrap()]);
        body.extend(inner);
        let object = read(&body, |_, kind| (kind == "ServiceAccount").then_some("core/v1.ServiceAccount")).unwrap();
        assert_eq!(object, serde_json::json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "bob"}}));
        assert!(read(b"k8s\0\xff\xff", |_, _| None).is_none());
    }
}
