//! Writing Protocol Buffers: fields appended to a vector (<https://protobuf.dev/programming-guides/encoding/>).

/// Appends a varint.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number as u8) | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// How many bytes [`put_varint`] writes for `number`.
#[inline]
pub fn varint_len(number: u64) -> usize {
    (64 - (number | 1).leading_zeros() as usize).div_ceil(7)
}

/// Appends a field's tag.
#[inline]
pub fn put_tag(out: &mut Vec<u8>, number: u32, wire_type: u8) {
    put_varint(out, u64::from(number) << 3 | u64::from(wire_type));
}

/// Appends a length-delimited field.
#[inline]
pub fn put_len(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_tag(out, number, 2);
    put_bytes(out, bytes);
}

/// Appends what stands behind the tag of a length-delimited field.
#[inline]
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a varint field.
#[inline]
pub fn put_varint_field(out: &mut Vec<u8>, number: u32, value: u64) {
    put_tag(out, number, 0);
    put_varint(out, value);
}

/// Appends a fixed64 field.
#[inline]
pub fn put_fixed64(out: &mut Vec<u8>, number: u32, value: u64) {
    put_tag(out, number, 1);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a fixed32 field.
#[inline]
pub fn put_fixed32(out: &mut Vec<u8>, number: u32, value: u32) {
    put_tag(out, number, 5);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a length-delimited field whose body `write` makes.
pub fn put_message(out: &mut Vec<u8>, number: u32, write: impl FnOnce(&mut Vec<u8>)) {
    put_tag(out, number, 2);
    put_body(out, write);
}

/// Appends what stands behind the tag of a length-delimited field, whose body `write` makes.
pub fn put_body(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    write(out);
    let len = (out.len() - at) as u64;
    // The length stands before the body: write it behind, then turn the two around.
    put_varint(out, len);
    let prefix = varint_len(len);
    if let Some(tail) = out.get_mut(at..) {
        tail.rotate_right(prefix);
    }
}
