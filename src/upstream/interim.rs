//! Interim answers (1xx), which `ureq` passes over in silence: whoever makes a request can hear them all the same.
//!
//! A request is made in one thread from its first byte to the end of its answer's head, so who hears is kept by thread.

use std::cell::RefCell;

/// Longest interim head that is told, bytes.
const HEAD_BYTES_MAX: usize = 8192;
/// Most of them for one request.
const COUNT_MAX: usize = 16;

type Hear = Box<dyn FnMut(u16, &[u8])>;

thread_local! {
    static HEARS: RefCell<Option<(Hear, usize)>> = const { RefCell::new(None) };
}

/// Does `work`, which makes one request. `hear` is told of each interim answer: its status, and its field lines.
pub fn hearing<T>(hear: impl FnMut(u16, &[u8]) + 'static, work: impl FnOnce() -> T) -> T {
    struct Silence;
    impl Drop for Silence {
        fn drop(&mut self) {
            HEARS.with_borrow_mut(|hears| *hears = None);
        }
    }
    HEARS.with_borrow_mut(|hears| *hears = Some((Box::new(hear), 0)));
    let _silence = Silence;
    work()
}

/// Tells of the interim answers at the beginning of `input`. Returns whether the final one is still to come.
pub(super) fn listen(input: &[u8]) -> bool {
    let mut rest = input;
    while let Some(end) = rest.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
        let (head, after) = rest.split_at(end + 2);
        let Some(status) = interim_status(head) else { return false };
        // 100 answers an expectation, and we pass none on; 101 ends HTTP.
        if status > 101 && head.len() <= HEAD_BYTES_MAX {
            let lines = head.iter().position(|&byte| byte == b'\n').map_or(head.len(), |at| at + 1);
            HEARS.with_borrow_mut(|hears| {
                if let Some((hear, count)) = hears.as_mut().filter(|(_, count)| *count < COUNT_MAX) {
                    *count += 1;
                    hear(status, &head[lines..]);
                }
            });
        }
        rest = &after[2..];
    }
    true
}

fn interim_status(head: &[u8]) -> Option<u16> {
    let digits = head.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    let status = str::from_utf8(digits).ok()?.parse().ok()?;
    (100..200).contains(&status).then_some(status)
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    #[test]
    fn interim_answers_are_told_and_final_ones_end_it() {
        let told = Rc::new(RefCell::new(Vec::new()));
        let ours = Rc::clone(&told);
        let hear =
            move |status, lines: &[u8]| ours.borrow_mut().push((status, String::from_utf8(lines.into()).unwrap()));
        hearing(hear, || {
            assert!(listen(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 2"));
            assert!(!listen(b"HTTP/1.1 102 P\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n\r\nHTTP/1.1 103 x\r\n\r\n"));
        });
        assert!(listen(b"HTTP/1.1 103 Early Hints\r\n\r\n"), "nobody hears it");
        assert_eq!(*told.borrow(), [(103, "Link: </a>\r\n".to_owned()), (102, String::new())]);
    }
}
