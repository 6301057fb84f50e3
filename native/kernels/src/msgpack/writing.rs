//! Every value in its shortest form, which is the only one that Borg writes.

pub fn write_nil(out: &mut Vec<u8>) {
    out.push(0xc0);
}

pub fn write_bool(out: &mut Vec<u8>, value: bool) {
    out.push(if value { 0xc3 } else { 0xc2 });
}

pub fn write_raw(out: &mut Vec<u8>, data: &[u8]) {
    write_raw_header(out, data.len());
    out.extend_from_slice(data);
}

/// What comes before so many raw bytes.
pub fn write_raw_header(out: &mut Vec<u8>, length: usize) {
    // Nothing that could be packed comes near 4 GiB; readers would refuse it long before.
    write_length(out, u32::try_from(length).unwrap_or(u32::MAX), (0xa0, 32), 0xda, 0xdb);
}

pub fn write_array_header(out: &mut Vec<u8>, length: usize) {
    write_length(out, u32::try_from(length).unwrap_or(u32::MAX), (0x90, 16), 0xdc, 0xdd);
}

pub fn write_map_header(out: &mut Vec<u8>, length: usize) {
    write_length(out, u32::try_from(length).unwrap_or(u32::MAX), (0x80, 16), 0xde, 0xdf);
}

fn write_length(out: &mut Vec<u8>, length: u32, fix: (u8, u32), wide: u8, widest: u8) {
    if length < fix.1 {
        out.push(fix.0 | length as u8);
    } else if let Ok(length) = u16::try_from(length) {
        out.push(wide);
        out.extend_from_slice(&length.to_be_bytes());
    } else {
        out.push(widest);
        out.extend_from_slice(&length.to_be_bytes());
    }
}

pub fn write_uint(out: &mut Vec<u8>, value: u64) {
    if value < 0x80 {
        out.push(value as u8);
    } else if let Ok(value) = u8::try_from(value) {
        out.extend_from_slice(&[0xcc, value]);
    } else if let Ok(value) = u16::try_from(value) {
        out.push(0xcd);
        out.extend_from_slice(&value.to_be_bytes());
    } else if let Ok(value) = u32::try_from(value) {
        out.push(0xce);
        out.extend_from_slice(&value.to_be_bytes());
    } else {
        out.push(0xcf);
        out.extend_from_slice(&value.to_be_bytes());
    }
}

pub fn write_int(out: &mut Vec<u8>, value: i64) {
    if let Ok(value) = u64::try_from(value) {
        write_uint(out, value);
    } else if value >= -32 {
        out.push(value as u8);
    } else if let Ok(value) = i8::try_from(value) {
        out.push(0xd0);
        out.extend_from_slice(&value.to_be_bytes());
    } else if let Ok(value) = i16::try_from(value) {
        out.push(0xd1);
        out.extend_from_slice(&value.to_be_bytes());
    } else if let Ok(value) = i32::try_from(value) {
        out.push(0xd2);
        out.extend_from_slice(&value.to_be_bytes());
    } else {
        out.push(0xd3);
        out.extend_from_slice(&value.to_be_bytes());
    }
}

/// A time stamp: an integer, or raw little-endian two's complement if it needs more than 63 bits.
pub fn write_time(out: &mut Vec<u8>, value: i128) {
    match i64::try_from(value) {
        Ok(value) if value != i64::MIN => write_int(out, value),
        _ => {
            let bits = 128 - value.unsigned_abs().leading_zeros() as usize;
            // 17 bytes suffice for any i128 under this rule.
            let mut bytes = [if value < 0 { 0xff } else { 0 }; 17];
            bytes[..16].copy_from_slice(&value.to_le_bytes());
            write_raw(out, &bytes[..(bits + 9) / 8]);
        }
    }
}
