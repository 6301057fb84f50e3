//! Writing one map of named values in canonical order: keys sorted bytewise, every value in its only allowed form.

use crate::Id;

use super::Xattrs;
use crate::msgpack::{
    write_array_header, write_bool, write_int, write_map_header, write_nil, write_raw, write_time, write_uint,
};

/// A value of an item map.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    Nil,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Time(i128),
    Raw(&'a [u8]),
    Xattrs(&'a Xattrs),
    Chunks {
        ids: &'a [Id],
        sizes: &'a [u32],
        csizes: &'a [u32],
    },
    /// Packed already: fields that are kept without being understood.
    Packed(&'a [u8]),
}

pub type Field<'a> = (&'a [u8], Value<'a>);

/// Appends the map of these fields, sorting them by key.
pub fn write_map(out: &mut Vec<u8>, fields: &mut [Field]) {
    fields.sort_by(|left, right| left.0.cmp(right.0));
    write_map_header(out, fields.len());
    for (key, value) in fields {
        write_raw(out, key);
        write_value(out, value);
    }
}

fn write_value(out: &mut Vec<u8>, value: &Value) {
    match *value {
        Value::Nil => write_nil(out),
        Value::Bool(value) => write_bool(out, value),
        Value::Int(value) => write_int(out, value),
        Value::Uint(value) => write_uint(out, value),
        Value::Time(value) => write_time(out, value),
        Value::Raw(value) => write_raw(out, value),
        Value::Packed(value) => out.extend_from_slice(value),
        Value::Xattrs(xattrs) => {
            write_map_header(out, xattrs.len());
            for (name, value) in xattrs {
                write_raw(out, name);
                match value {
                    Some(value) => write_raw(out, value),
                    None => write_nil(out),
                }
            }
        }
        Value::Chunks { ids, sizes, csizes } => {
            write_array_header(out, ids.len());
            for ((id, &size), &csize) in ids.iter().zip(sizes).zip(csizes) {
                write_array_header(out, 3);
                write_raw(out, id);
                write_uint(out, size.into());
                write_uint(out, csize.into());
            }
        }
    }
}
