//! Follows the frames of an HTTP/2 connection over its bytes, to tell what the protocol layer has to buffer: the part of a
//! frame that has come, and the header block that is not finished. Nothing is decoded.

/// Bytes that a client sends first, RFC 9113 section 3.4.
const PREFACE: usize = 24;
const FRAME_HEAD: usize = 9;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// The position in the frames of a connection.
#[derive(Debug)]
pub(super) struct Frames {
    /// Bytes of the preface still to come.
    preface: usize,
    head: [u8; FRAME_HEAD],
    /// Bytes of the frame's head that have come.
    head_len: usize,
    /// Bytes of its payload that have come, and that it has.
    payload: (usize, usize),
    /// Bytes of the header block so far, finished frames alone.
    block: usize,
    in_block: bool,
}

/// A header block is longer than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

// === impl Frames ===

impl Frames {
    pub(super) fn new() -> Self {
        let head = [0; FRAME_HEAD];
        Self { preface: PREFACE, head, head_len: 0, payload: (0, 0), block: 0, in_block: false }
    }

    /// Follows `bytes`, the next ones of the connection.
    ///
    /// # Errors
    /// When the bytes of a header block are, or are announced to become, more than `longest`.
    pub(super) fn follow(&mut self, mut bytes: &[u8], longest: usize) -> Result<(), TooLong> {
        let skipped = bytes.len().min(self.preface);
        self.preface -= skipped;
        bytes = bytes.get(skipped..).unwrap_or_default();
        while !bytes.is_empty() {
            if self.head_len < FRAME_HEAD {
                let slots = self.head.iter_mut().skip(self.head_len);
                let taken = slots.zip(bytes).map(|(slot, byte)| *slot = *byte).count();
                self.head_len += taken;
                bytes = bytes.get(taken..).unwrap_or_default();
                if self.head_len < FRAME_HEAD {
                    return Ok(());
                }
                self.payload = (0, self.announced());
                if self.is_headers() && self.block + self.payload.1 > longest {
                    return Err(TooLong);
                }
            }
            let taken = bytes.len().min(self.payload.1 - self.payload.0);
            self.payload.0 += taken;
            bytes = bytes.get(taken..).unwrap_or_default();
            if self.payload.0 == self.payload.1 {
                self.finish();
            }
        }
        Ok(())
    }

    /// Bytes that have come of a frame or header block that is not finished.
    pub(super) fn unfinished(&self) -> usize {
        self.head_len + self.payload.0 + self.block
    }

    /// Whether a frame or header block has begun and is not finished.
    pub(super) fn is_unfinished(&self) -> bool {
        self.head_len > 0 || self.in_block
    }

    fn announced(&self) -> usize {
        let [a, b, c, ..] = self.head;
        u32::from_be_bytes([0, a, b, c]) as usize
    }

    fn is_headers(&self) -> bool {
        let [_, _, _, kind, ..] = self.head;
        kind == HEADERS || kind == CONTINUATION
    }

    fn finish(&mut self) {
        let [_, _, _, _, flags, ..] = self.head;
        if self.is_headers() {
            self.in_block = flags & END_HEADERS == 0;
            // An empty frame of a block costs its head, so that a block of empty frames ends as well.
            self.block = if self.in_block { self.block + self.payload.1 + FRAME_HEAD } else { 0 };
        }
        (self.head_len, self.payload) = (0, (0, 0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, len: usize) -> Vec<u8> {
        let size = (len as u32).to_be_bytes();
        [&size[1..], &[kind, flags, 0, 0, 0, 1], &vec![0; len]].concat()
    }

    /// What is unfinished after `bytes`, whatever the sizes of the reads.
    fn after(bytes: &[u8]) -> Result<(usize, bool), TooLong> {
        let results = [1, 7, 9, 10_000_000].map(|step| {
            let mut frames = Frames::new();
            frames.follow(&[0; PREFACE], 1000)?;
            bytes.chunks(step).try_for_each(|chunk| frames.follow(chunk, 1000))?;
            Ok((frames.unfinished(), frames.is_unfinished()))
        });
        assert!(results.iter().all(|result| *result == results[0]), "{results:?}");
        results[0]
    }

    #[test]
    fn finished_frames_leave_nothing() {
        let frames = [frame(4, 0, 12), frame(0, 0, 50_000), frame(1, 4, 900), frame(0, 1, 0), frame(6, 0, 8)];
        assert_eq!(after(&frames.concat()), Ok((0, false)));
        assert_eq!(after(&[]), Ok((0, false)));
    }

    #[test]
    fn the_part_of_a_frame_that_has_come_is_counted() {
        let data = frame(0, 0, 50_000);
        assert_eq!(after(&data[..4]), Ok((4, true)));
        assert_eq!(after(&[&frame(1, 4, 100)[..], &data[..30_009]].concat()), Ok((30_009, true)));
    }

    #[test]
    fn a_header_block_is_counted_over_its_frames_until_its_end() {
        let open = [frame(1, 0, 300), frame(9, 0, 300)].concat();
        assert_eq!(after(&open), Ok((618, true)));
        assert_eq!(after(&[open, frame(9, 4, 10)].concat()), Ok((0, false)));
    }

    #[test]
    fn a_header_block_that_is_too_long_is_told_before_it_has_come() {
        assert_eq!(after(&frame(1, 4, 1001)), Err(TooLong));
        assert_eq!(after(&[frame(1, 0, 900), frame(9, 4, 200)[..9].to_vec()].concat()), Err(TooLong));
        assert_eq!(after(&[frame(1, 0, 0), frame(9, 0, 0).repeat(200)].concat()), Err(TooLong));
        assert_eq!(after(&frame(0, 0, 100_000)), Ok((0, false)));
    }
}
