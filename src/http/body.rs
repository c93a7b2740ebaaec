//! `Body`: where a message body ends, for any cut of its bytes.
//!
//! Strict on purpose: what a lenient reader would forgive here is how requests are smuggled.

use super::limits::{CHUNK_EXTENSION_BYTES_MAX, TRAILER_BYTES_MAX};
use super::lines::{is_token_byte, is_value_byte};

/// The framing of one message body: RFC 9112, sections 6 and 7.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    place: Place,
    /// What is left of the body, or of the chunk at hand, bytes.
    left_bytes: u64,
    /// How much may follow in later chunks, bytes.
    allowed_bytes: u64,
    extension_bytes: u16,
    trailer_bytes: u16,
    size_digits: u8,
}

/// Which byte is expected next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Data of a body whose length was told.
    Data,
    ChunkSize,
    /// White space before an extension's `;`.
    ChunkSpace,
    ChunkExtension,
    ChunkSizeLf,
    ChunkData,
    ChunkDataCr,
    ChunkDataLf,
    /// The first byte of a trailer line, or of the empty line at the end.
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    End,
}

/// Most digits of a chunk's size: more would be for smuggling only, and fewer bits than 64 cannot overflow.
const CHUNK_SIZE_DIGITS_MAX: u8 = 15;

/// What is wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Longer than allowed.
    #[error("the body is longer than allowed")]
    TooLong,
    /// A chunk's size, extension or line end is malformed.
    #[error("a chunk is malformed")]
    Chunk,
    /// The trailers are malformed or too long.
    #[error("the trailers are malformed or too long")]
    Trailer,
}

/// What one `feed` came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fed<'a> {
    /// How many of the bytes were taken.
    pub consumed_bytes: usize,
    /// The content among them, at most one piece.
    pub data: &'a [u8],
}

impl Body {
    /// A body of so many bytes.
    pub fn with_length(bytes: u64, bytes_max: u64) -> Result<Body, BodyError> {
        if bytes > bytes_max {
            return Err(BodyError::TooLong);
        }
        Ok(Body { place: if bytes == 0 { Place::End } else { Place::Data }, left_bytes: bytes, ..Body::chunked(0) })
    }

    /// A body in chunks, of at most so many bytes of content.
    pub fn chunked(bytes_max: u64) -> Body {
        Body {
            place: Place::ChunkSize,
            left_bytes: 0,
            allowed_bytes: bytes_max,
            extension_bytes: 0,
            trailer_bytes: 0,
            size_digits: 0,
        }
    }

    /// Whether the body is over: what follows is another message.
    pub fn is_over(&self) -> bool {
        self.place == Place::End
    }

    /// Takes bytes of the body up to the end of one piece of content, of the body, or of the bytes. Call it until
    /// `is_over`, or nothing is left. After an error the body is of no use.
    pub fn feed<'a>(&mut self, bytes: &'a [u8]) -> Result<Fed<'a>, BodyError> {
        let mut consumed_bytes = 0;
        while let Some(&byte) = bytes.get(consumed_bytes) {
            match self.place {
                Place::End => break,
                Place::Data | Place::ChunkData => {
                    let rest = &bytes[consumed_bytes..];
                    let taken = usize::try_from(self.left_bytes).map_or(rest.len(), |left| left.min(rest.len()));
                    self.left_bytes -= taken as u64;
                    if self.left_bytes == 0 {
                        self.place = if self.place == Place::Data { Place::End } else { Place::ChunkDataCr };
                    }
                    return Ok(Fed { consumed_bytes: consumed_bytes + taken, data: &rest[..taken] });
                }
                Place::TrailerStart | Place::TrailerName | Place::TrailerValue | Place::TrailerLf | Place::EndLf => {
                    self.trailer_byte(byte)?
                }
                _ => self.chunk_byte(byte)?,
            }
            consumed_bytes += 1;
        }
        Ok(Fed { consumed_bytes, data: &[] })
    }

    fn chunk_byte(&mut self, byte: u8) -> Result<(), BodyError> {
        self.place = match (self.place, byte) {
            (Place::ChunkSize, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                self.size_digits += 1;
                if self.size_digits > CHUNK_SIZE_DIGITS_MAX {
                    return Err(BodyError::Chunk);
                }
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                self.left_bytes = self.left_bytes << 4 | u64::from(digit);
                if self.left_bytes > self.allowed_bytes {
                    return Err(BodyError::TooLong);
                }
                Place::ChunkSize
            }
            (Place::ChunkSize, _) if self.size_digits == 0 => return Err(BodyError::Chunk),
            (Place::ChunkSize | Place::ChunkExtension, b'\r') => Place::ChunkSizeLf,
            (Place::ChunkSize | Place::ChunkSpace, b';') => Place::ChunkExtension,
            (Place::ChunkSize | Place::ChunkSpace, b' ' | b'\t') => Place::ChunkSpace,
            (Place::ChunkExtension, _) if is_value_byte(byte) => Place::ChunkExtension,
            (Place::ChunkSizeLf, b'\n') => {
                self.size_digits = 0;
                self.allowed_bytes -= self.left_bytes;
                if self.left_bytes == 0 { Place::TrailerStart } else { Place::ChunkData }
            }
            (Place::ChunkDataCr, b'\r') => Place::ChunkDataLf,
            (Place::ChunkDataLf, b'\n') => Place::ChunkSize,
            _ => return Err(BodyError::Chunk),
        };
        if matches!(self.place, Place::ChunkSpace | Place::ChunkExtension) {
            self.extension_bytes += 1;
            if self.extension_bytes > CHUNK_EXTENSION_BYTES_MAX {
                return Err(BodyError::Chunk);
            }
        }
        Ok(())
    }

    fn trailer_byte(&mut self, byte: u8) -> Result<(), BodyError> {
        self.place = match (self.place, byte) {
            (Place::TrailerStart, b'\r') => Place::EndLf,
            (Place::TrailerStart | Place::TrailerName, _) if is_token_byte(byte) => Place::TrailerName,
            (Place::TrailerName, b':') => Place::TrailerValue,
            (Place::TrailerValue, b'\r') => Place::TrailerLf,
            (Place::TrailerValue, _) if is_value_byte(byte) => Place::TrailerValue,
            (Place::TrailerLf, b'\n') => Place::TrailerStart,
            (Place::EndLf, b'\n') => Place::End,
            _ => return Err(BodyError::Trailer),
        };
        self.trailer_bytes += 1;
        if self.trailer_bytes > TRAILER_BYTES_MAX { Err(BodyError::Trailer) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The content, and how much of the input it took; `None` when the body is not over.
    fn play<'a>(mut body: Body, pieces: impl Iterator<Item = &'a [u8]>) -> Result<Option<(Vec<u8>, usize)>, BodyError> {
        let (mut content, mut taken_bytes) = (Vec::new(), 0);
        for mut piece in pieces {
            while !piece.is_empty() && !body.is_over() {
                let fed = body.feed(piece)?;
                assert!(fed.consumed_bytes > 0, "bytes were offered and none taken");
                content.extend_from_slice(fed.data);
                taken_bytes += fed.consumed_bytes;
                piece = &piece[fed.consumed_bytes..];
            }
        }
        Ok(body.is_over().then_some((content, taken_bytes)))
    }

    fn whole(body: &Body, input: &[u8]) -> Result<Option<(Vec<u8>, usize)>, BodyError> {
        let outcome = play(body.clone(), [input].into_iter());
        for size in 1..=input.len() {
            assert_eq!(play(body.clone(), input.chunks(size)), outcome, "pieces of {size} of {input:?}");
        }
        outcome
    }

    #[test]
    fn chunks_are_joined_and_what_follows_is_left() {
        for (input, content) in [
            ("0\r\n\r\n", ""),
            ("5\r\nhello\r\n0\r\n\r\n", "hello"),
            ("00005\r\nhello\r\n1\r\n!\r\n000\r\n\r\n", "hello!"),
            ("A;name=value;n=\"v;\"\r\n0123456789\r\n0;x\r\n\r\n", "0123456789"),
            ("5 \t;x\r\nhel\r\n\r\n0\r\nA: b\r\nC:\r\n\r\n", "hel\r\n"),
        ] {
            let followed = format!("{input}GET / HTTP/1.1\r\n");
            let outcome = whole(&Body::chunked(100), followed.as_bytes());
            assert_eq!(outcome, Ok(Some((content.as_bytes().to_vec(), input.len()))), "{input:?}");
        }
    }

    #[test]
    fn lengths_are_counted() {
        let body = Body::with_length(5, 5).unwrap();
        assert_eq!(whole(&body, b"helloGET"), Ok(Some((b"hello".to_vec(), 5))));
        assert_eq!(whole(&body, b"hell"), Ok(None));
        assert!(Body::with_length(0, 0).unwrap().is_over());
        assert_eq!(Body::with_length(6, 5), Err(BodyError::TooLong));
    }

    #[test]
    fn bad_chunks_are_refused() {
        for input in [
            "\r\n",
            "g\r\n",
            "-1\r\n",
            "+5\r\n",
            "0x5\r\n",
            " 5\r\n",
            "5\n",
            "5\rhello",
            "5 \r\n",
            "5 x\r\n",
            ";x\r\n",
            "5;\0\r\n",
            "5;x\n",
            "5\r\nhello\n",
            "5\r\nhello0\r\n",
            "5\r\nhello\r0",
            "5\r\nhello\r\n\r\n",
            "5;a\rb\r\n",
            "0000000000000005\r\n",
        ] {
            assert_eq!(whole(&Body::chunked(100), input.as_bytes()), Err(BodyError::Chunk), "{input:?}");
        }
        for input in
            ["0\r\n\n", "0\r\n a: b\r\n", "0\r\na\r\n", "0\r\n: b\r\n", "0\r\na: b\n", "0\r\na:\0\r\n", "0\r\n\rx"]
        {
            assert_eq!(whole(&Body::chunked(100), input.as_bytes()), Err(BodyError::Trailer), "{input:?}");
        }
        for input in
            ["65\r\n", "ffffffffffffffff\r\n", "33\r\n---------------------------------------------------\r\n32\r\n"]
        {
            assert_eq!(whole(&Body::chunked(100), input.as_bytes()), Err(BodyError::TooLong), "{input:?}");
        }
    }

    #[test]
    fn extensions_and_trailers_are_bounded_together() {
        let extensions = "1;x\r\nx\r\n".repeat(usize::from(CHUNK_EXTENSION_BYTES_MAX));
        assert_eq!(play(Body::chunked(1 << 20), [extensions.as_bytes()].into_iter()), Err(BodyError::Chunk));
        let trailers = format!("0\r\n{}", "a: b\r\n".repeat(usize::from(TRAILER_BYTES_MAX)));
        assert_eq!(play(Body::chunked(1 << 20), [trailers.as_bytes()].into_iter()), Err(BodyError::Trailer));
    }
}
