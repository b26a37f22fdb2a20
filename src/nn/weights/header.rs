//! The length field and JSON header of a safetensors file, checked before anything of its size is allocated.

use std::collections::HashSet;
use std::fmt;

use safetensors::tensor::Metadata;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The bytes of the length field.
pub(super) const LENGTH_FIELD: u64 = 8;

/// The longest header that the format allows.
const LONGEST_HEADER: u64 = 100_000_000;

/// The header's length, told from the length field and the file's length, both in bytes.
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

/// Reads the header and checks that its tensors cover the `data_length` bytes after it without overlap, gap or rest.
pub(super) fn parse(header: &[u8], data_length: u64) -> Result<Metadata, String> {
    let text = std::str::from_utf8(header).map_err(|invalid| format!("its header is not UTF-8: {invalid}"))?;
    // The library keeps the last of two tensors of one name without a word.
    serde_json::from_str::<UniqueKeys>(text).map_err(|invalid| format!("its header is not sound JSON: {invalid}"))?;
    let metadata: Metadata = serde_json::from_str(text).map_err(|invalid| format!("its header does not hold: {invalid}"))?;
    let described = metadata.data_len() as u64;
    if described != data_length {
        return Err(format!("its header describes {described} bytes of tensors and {data_length} follow"));
    }
    Ok(metadata)
}

/// Any JSON in which no object has a key twice, at any depth.
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
