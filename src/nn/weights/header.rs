//! Parses and checks the length field and the JSON header of a safetensors file.

use std::collections::HashSet;
use std::fmt;

use safetensors::tensor::Metadata;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Size of the length field in bytes.
pub(super) const LENGTH_FIELD: u64 = 8;

/// The largest header that the format allows, in bytes.
const LONGEST_HEADER: u64 = 100_000_000;

/// Decodes the length field. Returns the header's length in bytes, or why it is invalid in a file of `file_length` bytes.
pub(super) fn header_length(field: [u8; 8], file_length: u64) -> Result<usize, String> {
    let length = u64::from_le_bytes(field);
    let left = file_length.saturating_sub(LENGTH_FIELD);
    if length > LONGEST_HEADER {
        return Err(format!("it promises a header of {length} bytes, more than the {LONGEST_HEADER} allowed"));
    }
    if length > left {
        return Err(format!("it promises a header of {length} bytes and {left} follow"));
    }
    usize::try_from(length).map_err(|too_long| too_long.to_string())
}

/// Parses the header and checks that its tensors cover the `data_length` bytes after it exactly, without overlaps or gaps.
/// The error says what is wrong.
pub(super) fn parse(header: &[u8], data_length: u64) -> Result<Metadata, String> {
    let text = std::str::from_utf8(header).map_err(|invalid| format!("its header is not UTF-8: {invalid}"))?;
    // If two tensors have the same name, the library silently keeps the last one.
    serde_json::from_str::<UniqueKeys>(text).map_err(|invalid| format!("its header is not sound JSON: {invalid}"))?;
    let metadata: Metadata = serde_json::from_str(text).map_err(|invalid| format!("its header is invalid: {invalid}"))?;
    let described = metadata.data_len() as u64;
    if described != data_length {
        return Err(format!("its header describes {described} bytes of tensors and {data_length} follow"));
    }
    Ok(metadata)
}

/// JSON in which no object has a duplicate key, outside of arrays. Deserialising it fails if there is one.
struct UniqueKeys;

impl<'de> Deserialize<'de> for UniqueKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueKeysVisitor)
    }
}

struct UniqueKeysVisitor;

impl<'de> Visitor<'de> for UniqueKeysVisitor {
    type Value = UniqueKeys;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<UniqueKeys, A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            map.next_value::<UniqueKeys>()?;
            if let Some(twice) = seen.replace(key) {
                return Err(A::Error::custom(format_args!("'{twice}' appears twice")));
            }
        }
        Ok(UniqueKeys)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<UniqueKeys, A::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(UniqueKeys)
    }

    fn visit_bool<E>(self, _: bool) -> Result<UniqueKeys, E> {
        Ok(UniqueKeys)
    }

    fn visit_i64<E>(self, _: i64) -> Result<UniqueKeys, E> {
        Ok(UniqueKeys)
    }

    fn visit_u64<E>(self, _: u64) -> Result<UniqueKeys, E> {
        Ok(UniqueKeys)
    }

    fn visit_f64<E>(self, _: f64) -> Result<UniqueKeys, E> {
        Ok(UniqueKeys)
    }

    fn visit_str<E>(self, _: &str) -> Result<UniqueKeys, E> {
        Ok(UniqueKeys)
    }

    fn visit_unit<E>(self) -> Result<UniqueKeys, E> {
        Ok(UniqueKeys)
    }
}
