//! One random change to an input.

use bolero::TypeGenerator;

/// Pieces that parsers tend to trip over.
const PIECES: [&[u8]; 30] = [
    b"*",
    b"/",
    b"-",
    b",",
    b"?",
    b"L",
    b"W",
    b"#",
    b"0",
    b"59",
    b"MON",
    b" ",
    b"\n",
    b"\t",
    b"\0",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b":",
    b"\\u",
    b"null",
    b"v1,",
    b"=",
    b"s",
    b"ms",
    b"\xff",
    "é".as_bytes(),
    b"18446744073709551616",
];

/// One change. Places are taken modulo the input's length, so every edit fits every input.
#[derive(Clone, Copy, Debug, TypeGenerator)]
pub enum Edit {
    /// Sets one byte.
    Set(u16, u8),
    /// Flips one bit.
    Flip(u16, u8),
    /// Puts a byte in.
    Insert(u16, u8),
    /// Puts a known piece in.
    Piece(u16, u8),
    /// Takes a stretch out.
    Remove(u16, u8),
    /// Repeats a stretch.
    Repeat(u16, u8, u8),
    /// Moves the end of another input behind the start of this one.
    Splice(u16, u16, u16),
    /// Cuts the rest off.
    Cut(u16),
}

impl Edit {
    pub(crate) fn apply(self, corpus: &[Vec<u8>], input: &mut Vec<u8>) {
        let place = |at: u16| usize::from(at) % (input.len() + 1);
        match self {
            Self::Set(at, byte) => {
                let at = place(at);
                if let Some(place) = input.get_mut(at) {
                    *place = byte;
                }
            }
            Self::Flip(at, bit) => {
                let at = place(at);
                if let Some(place) = input.get_mut(at) {
                    *place ^= 1 << (bit % 8);
                }
            }
            Self::Insert(at, byte) => input.insert(place(at), byte),
            Self::Piece(at, which) => {
                let at = place(at);
                let piece = PIECES[usize::from(which) % PIECES.len()];
                input.splice(at..at, piece.iter().copied());
            }
            Self::Remove(at, length) => {
                let at = place(at);
                let end = (at + usize::from(length)).min(input.len());
                input.drain(at..end);
            }
            Self::Repeat(at, length, times) => {
                let at = place(at);
                let end = (at + usize::from(length)).min(input.len());
                let stretch = input[at..end].repeat(usize::from(times));
                input.splice(end..end, stretch);
            }
            Self::Splice(at, which, from) => {
                input.truncate(place(at));
                let other = &corpus[usize::from(which) % corpus.len()];
                let from = usize::from(from) % (other.len() + 1);
                input.extend_from_slice(&other[from..]);
            }
            Self::Cut(at) => input.truncate(place(at)),
        }
    }
}
