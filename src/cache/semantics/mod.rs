//! HTTP caching as pure functions: RFC 9110 and 9111, and RFC 5861, 8246 and 9213.
//!
//! - `control`       `Control`, what Cache-Control and its like say; `targeted` reads CDN-Cache-Control
//! - `freshness`     `Response` and `Policy`: how long a response is fresh, how old it is
//! - `storing`       which responses are stored, and which of their fields
//! - `variant`       `Variant`, for which requests a response was chosen
//! - `decision`      `Decision`, what to do with a request and a stored response
//! - `validation`    asking whether a stored response still holds, and what the answer changes
//! - `precondition`  conditional requests of clients, answered from the cache; `etag` reads entity tags
//! - `range`         requests for ranges, answered from a whole body
//! - `invalidation`  what an unsafe request makes useless; `location` resolves references
//! - `date`          dates in fields
//!
//! Not here: where responses are kept (`store`), sockets, clocks (times are handed in, milliseconds since 1970).

mod control;
mod date;
mod decision;
mod etag;
mod freshness;
mod invalidation;
mod location;
mod precondition;
mod range;
mod storing;
mod targeted;
mod validation;
mod variant;

pub use control::Control;
pub use decision::{Decision, decide, may_serve_after_error};
pub use freshness::{Policy, Response};
pub use invalidation::invalidated;
pub use precondition::{Outcome, not_modified_fields, precondition};
pub use range::{Multipart, Part, RANGE_COUNT_MAX, Segment, Selection, select};
pub use storing::{Unstorable, forwarded_fields, is_hop_by_hop, storable, storable_fields};
pub use validation::{HeadEffect, confirms, freshened, head_effect, unconditional_fields, validating_fields};
pub use variant::Variant;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::http::{FieldBlock, Method};

    /// Fields as text: `Age: 1|Date: …`.
    pub fn fields(lines: &str) -> FieldBlock {
        let mut block = FieldBlock::new();
        for line in lines.split('|').filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(": ").unwrap();
            assert!(block.push(name.as_bytes(), value.as_bytes()), "{line}");
        }
        block
    }

    /// Fields that mean something here, with values that are right, nearly right, or anything.
    fn any_fields() -> impl Strategy<Value = FieldBlock> {
        let name = prop::sample::select(vec![
            "Cache-Control",
            "CDN-Cache-Control",
            "Age",
            "Date",
            "Expires",
            "Last-Modified",
            "ETag",
            "Vary",
            "Range",
            "If-Range",
            "If-None-Match",
            "If-Modified-Since",
            "Connection",
            "Content-Location",
            "Location",
            "Authorization",
        ]);
        let pieces = prop::sample::select(vec![
            "max-age",
            "s-maxage",
            "no-cache",
            "private",
            "=",
            "\"",
            "\\",
            ",",
            " ",
            "1",
            "99999999999999999999",
            "-",
            "bytes=",
            "W/",
            "*",
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "foo",
            "/",
            "..",
            "http://a",
            ":",
            "(",
            ")",
            ";",
            "?1",
            "@",
            "\u{fc}",
            "\t",
            "max-stale",
            "immutable",
            "#",
        ]);
        let value = prop::collection::vec(pieces, 0..8).prop_map(|pieces| pieces.concat().into_bytes());
        let anything = prop::collection::vec(prop_oneof![Just(9u8), 32..127u8, 128..=255u8], 0..40);
        let field = (name, prop_oneof![3 => value, 1 => anything]);
        prop::collection::vec(field, 0..6).prop_map(|list| {
            let mut block = FieldBlock::new();
            for (name, value) in list {
                assert!(block.push(name.as_bytes(), &value));
            }
            block
        })
    }

    proptest! {
        /// Whatever peers send, there is an answer, and it holds together.
        #[test]
        fn nothing_panics(
            request in any_fields(),
            response in any_fields(),
            status in 0..700u16,
            times in any::<[u64; 3]>(),
            body_bytes in any::<u64>(),
        ) {
            let policy = Policy::default();
            let [requested_at_ms, responded_at_ms, now_ms] = times;
            let stored = Response { status, fields: response.fields(), requested_at_ms, responded_at_ms };
            let fields = request.fields();
            let decision = decide(&policy, fields, Some(&stored), now_ms);
            let remaining_ms = stored.fresh_for_ms(&policy, now_ms);
            prop_assert!(decision != Decision::Fresh || remaining_ms > 0);
            may_serve_after_error(&policy, fields, &stored, None, now_ms);
            for method in [Method::Get, Method::Post] {
                if let Ok(variant) = storable(&policy, method, "http://a/b", fields, &stored) {
                    prop_assert!(variant.matches(fields), "who chose it gets it");
                    prop_assert_eq!(Variant::from_bytes(variant.as_bytes()), Some(variant));
                }
                precondition(fields, &stored);
                match select(method, fields, &stored, body_bytes, 1) {
                    Selection::Part(part) => prop_assert!(part.offset_bytes + part.length_bytes <= body_bytes),
                    Selection::Multipart(multipart) => prop_assert!(multipart.segments.len() > 4),
                    Selection::Whole | Selection::Unsatisfiable => {}
                }
            }
            let kept = storable_fields(stored.fields, responded_at_ms);
            let again = storable_fields(kept.fields(), responded_at_ms);
            prop_assert!(!kept.fields().has("connection") && kept.fields().has("date"));
            prop_assert_eq!(&again, &kept, "once is enough");
            freshened(kept.fields(), fields, now_ms);
            validating_fields(fields, &stored);
            confirms(stored.fields, fields);
            head_effect(&stored, body_bytes, 200, fields);
            not_modified_fields(stored.fields);
            invalidated(None, "http://a/b", 200, stored.fields);
        }
    }
}
