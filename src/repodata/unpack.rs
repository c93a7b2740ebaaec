//! `Unpacked`: what gzip, xz or zstd packed.
//!
//! Lives here: telling them apart by their first bytes, and limits on what they may unpack to. All three are unpacked
//! by code without C: what comes from mirrors is hostile, and a list of packages is read once per generation.
//! Not here: zchunk, whose files are only held against their checksum; bzip2, in which no `primary.xml` is packed.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// Largest dictionary or window, bytes: that of `xz -9` and `zstd -19 --long` with their default of 27 bits is above
/// it and refused; createrepo uses neither. Picked with room: zstd -19 has 8 MiB, xz -6 the same.
const WINDOW_BYTES_MAX: u32 = 65 << 20;
/// Buffer between an unpacker and its source, bytes.
const BUFFER_BYTES: usize = 64 * 1024;

/// What gzip, xz or zstd packed, unpacked as it is read. What is packed with none of them is given as it is.
pub struct Unpacked<R: Read> {
    packing: Packing<BufReader<R>>,
    left_bytes: u64,
}

enum Packing<R: BufRead> {
    None(R),
    Gzip(MultiGzDecoder<R>),
    Xz(Box<XzReader<R>>),
    Zstd(Box<Frames<R>>),
}

impl<R: Read> Unpacked<R> {
    /// Looks at the first bytes. Reading fails with `InvalidData` behind `bytes_max` bytes.
    pub fn new(source: R, bytes_max: u64) -> io::Result<Unpacked<R>> {
        let mut source = BufReader::with_capacity(BUFFER_BYTES, source);
        let magic = source.fill_buf()?;
        let packing = if magic.starts_with(b"\x1f\x8b") {
            Packing::Gzip(MultiGzDecoder::new(source))
        } else if magic.starts_with(b"\xfd7zXZ\0") {
            Packing::Xz(Box::new(XzReader::new_mem_limit(source, true, WINDOW_BYTES_MAX / 1024)))
        } else if is_zstd(magic) {
            Packing::Zstd(Box::new(Frames::new(source)))
        } else {
            Packing::None(source)
        };
        Ok(Unpacked { packing, left_bytes: bytes_max })
    }
}

/// A frame (RFC 8878, section 3.1.1) or a skippable one (section 3.1.2).
fn is_zstd(magic: &[u8]) -> bool {
    magic.starts_with(b"\x28\xb5\x2f\xfd")
        || (magic.len() >= 4 && magic[0] & 0xf0 == 0x50 && magic[1..4] == [0x2a, 0x4d, 0x18])
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let bytes = match &mut self.packing {
            Packing::None(source) => source.read(into),
            Packing::Gzip(source) => source.read(into),
            Packing::Xz(source) => source.read(into),
            Packing::Zstd(source) => source.read(into),
        }?;
        match self.left_bytes.checked_sub(bytes as u64) {
            Some(left_bytes) => self.left_bytes = left_bytes,
            None => return Err(io::Error::new(io::ErrorKind::InvalidData, "it unpacks to more than it may")),
        }
        Ok(bytes)
    }
}

/// The frames of a zstd file, one after the other.
struct Frames<R: BufRead> {
    source: R,
    decoder: FrameDecoder,
    is_in_frame: bool,
}

impl<R: BufRead> Frames<R> {
    fn new(source: R) -> Frames<R> {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(u64::from(WINDOW_BYTES_MAX));
        Frames { source, decoder, is_in_frame: false }
    }

    /// Begins the next frame; false at the end of the file.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    let skipped = io::copy(&mut (&mut self.source).take(u64::from(length)), &mut io::sink())?;
                    if skipped < u64::from(length) {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(fault) => return Err(io::Error::new(io::ErrorKind::InvalidData, fault)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.is_in_frame && !self.begin()? {
                return Ok(0);
            }
            self.is_in_frame = true;
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let decoded = self.decoder.decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1));
                decoded.map_err(|fault| io::Error::new(io::ErrorKind::InvalidData, fault))?;
            }
            match self.decoder.read(into)? {
                0 => self.is_in_frame = false,
                bytes => return Ok(bytes),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    const GZIP: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\x02\x03\xcb\x48\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0\0";
    // A raw block, last, single segment, 5 bytes (RFC 8878, section 3.1.1).
    const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd\x20\x05\x29\0\0hello";
    const SKIPPABLE: &[u8] = b"\x50\x2a\x4d\x18\x03\0\0\0abc";

    fn unpack(bytes: &[u8], bytes_max: u64) -> io::Result<Vec<u8>> {
        let mut whole = Vec::new();
        Unpacked::new(bytes, bytes_max)?.read_to_end(&mut whole)?;
        Ok(whole)
    }

    #[test]
    fn kinds_are_told_by_their_first_bytes() {
        assert_eq!(unpack(b"", 0).unwrap(), b"");
        assert_eq!(unpack(b"<xml>", 5).unwrap(), b"<xml>");
        for (one, name) in [(GZIP, "gzip"), (ZSTD, "zstd")] {
            assert_eq!(unpack(one, 5).unwrap(), b"hello", "{name}");
            assert_eq!(unpack(&[one, one].concat(), 10).unwrap(), b"hellohello", "{name}");
            assert_eq!(unpack(one, 4).unwrap_err().kind(), io::ErrorKind::InvalidData, "{name}");
            for end in 7..one.len() {
                assert!(unpack(&one[..end], 100).is_err(), "{name} cut at {end}");
            }
        }
        assert_eq!(unpack(&[SKIPPABLE, ZSTD, SKIPPABLE].concat(), 5).unwrap(), b"hello");
        assert!(unpack(&SKIPPABLE[..9], 5).is_err());
    }

    #[test]
    fn windows_have_limits() {
        // A frame with a window of 2^31 bytes: descriptor 21 << 3.
        let wide = b"\x28\xb5\x2f\xfd\x00\xa8\x29\0\0hello";
        assert!(unpack(wide, 100).is_err());
        // The same with 2^20: 10 << 3.
        assert_eq!(unpack(b"\x28\xb5\x2f\xfd\x00\x50\x29\0\0hello", 100).unwrap(), b"hello");
    }

    #[test]
    fn what_the_tools_pack_is_unpacked() {
        let text = "a list of packages, ".repeat(20_000).into_bytes();
        for tool in [
            &["gzip", "-c"][..],
            &["xz", "-c"],
            &["xz", "-9", "-c"],
            &["zstd", "-q", "-c"],
            &["zstd", "-q", "-19", "-c"],
        ] {
            let child = Command::new(tool[0]).args(&tool[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
            let Ok(mut child) = child else {
                println!("skipped: no {}", tool[0]);
                continue;
            };
            let (mut input, text_in) = (child.stdin.take().unwrap(), text.clone());
            let writer = std::thread::spawn(move || std::io::Write::write_all(&mut input, &text_in));
            let packed = child.wait_with_output().unwrap().stdout;
            writer.join().unwrap().unwrap();
            assert!(packed.len() < text.len() / 10, "{tool:?}");
            assert!(unpack(&packed, text.len() as u64).unwrap() == text, "{tool:?}");
            assert!(unpack(&packed, text.len() as u64 - 1).is_err(), "{tool:?}");
            assert!(unpack(&packed[..packed.len() / 2], u64::MAX).is_err(), "{tool:?}");
        }
    }
}
