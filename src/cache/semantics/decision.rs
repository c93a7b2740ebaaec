//! `Decision`: what to do with a request and a stored response. RFC 9111, sections 4 and 5.2.1; RFC 5861; RFC 8246.

use super::control::Control;
use super::freshness::{Policy, Response};
use crate::http::Fields;

/// What to do with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// The stored response is fresh: answer with it.
    Fresh,
    /// It is stale, and the client is content with that (`max-stale`): answer with it.
    Stale,
    /// It is stale: answer with it, and validate or fetch it meanwhile (RFC 5861, section 3).
    StaleWhileRevalidate,
    /// Ask the origin whether it still holds, with `validating_fields`.
    Validate,
    /// Fetch a response, with `unconditional_fields`.
    Fetch,
    /// The client wants none that is not in the cache: answer 504 (RFC 9111, section 5.2.1.7).
    Unavailable,
}

/// Decides for a request and the response that is stored for it, if there is one whose variant matches.
pub fn decide(policy: &Policy, request: Fields<'_>, stored: Option<&Response<'_>>, now_ms: u64) -> Decision {
    let asked = Control::of_request(request);
    let may_ask = !asked.only_if_cached;
    let Some(stored) = stored else {
        return if may_ask { Decision::Fetch } else { Decision::Unavailable };
    };
    let control = Control::of_response(stored.fields, policy.heeds_targeted);
    match reuse(policy, &asked, &control, stored, now_ms) {
        Some(decision) => decision,
        None if !may_ask => Decision::Unavailable,
        // Nothing of this exchange is to be kept, so it cannot confirm what is.
        None if stored.has_validator() && !asked.no_store => Decision::Validate,
        None => Decision::Fetch,
    }
}

/// How the stored response may be used without asking the origin.
fn reuse(policy: &Policy, asked: &Control, control: &Control, stored: &Response<'_>, now_ms: u64) -> Option<Decision> {
    if control.no_cache || asked.no_cache || asked.no_store {
        return None;
    }
    let (lifetime_ms, age_ms) = (stored.lifetime_ms(control, policy), stored.age_ms(now_ms));
    let is_fresh = age_ms < lifetime_ms;
    // A reload of what does not change while it is fresh is no reason to ask (RFC 8246, section 2).
    if !(control.immutable && is_fresh)
        && let Some(max_age) = asked.max_age
        && (max_age == 0 || age_ms > u64::from(max_age) * 1000)
    {
        return None;
    }
    if is_fresh {
        let remaining_ms = lifetime_ms - age_ms;
        let is_enough = asked.min_fresh.is_none_or(|seconds| remaining_ms >= u64::from(seconds) * 1000);
        return is_enough.then_some(Decision::Fresh);
    }
    if forbids_stale(control) || asked.min_fresh.is_some() {
        return None;
    }
    let stale_ms = age_ms - lifetime_ms;
    let within = |seconds: Option<u32>| seconds.is_some_and(|seconds| stale_ms <= u64::from(seconds) * 1000);
    if within(asked.max_stale) {
        return Some(Decision::Stale);
    }
    let is_patient = asked.max_age.is_none() && within(control.stale_while_revalidate);
    is_patient.then_some(Decision::StaleWhileRevalidate)
}

/// Whether a stored response may be the answer after the origin could not be reached, or answered with `status` (RFC
/// 9111, section 4.2.4; RFC 5861, section 4).
pub fn may_serve_after_error(
    policy: &Policy,
    request: Fields<'_>,
    stored: &Response<'_>,
    status: Option<u16>,
    now_ms: u64,
) -> bool {
    let control = Control::of_response(stored.fields, policy.heeds_targeted);
    if !status.is_none_or(|status| matches!(status, 500 | 502 | 503 | 504)) || control.no_cache {
        return false;
    }
    let stale_ms = stored.age_ms(now_ms).saturating_sub(stored.lifetime_ms(&control, policy));
    let asked = Control::of_request(request).stale_if_error;
    let allowed_seconds = control.stale_if_error.or(asked).unwrap_or(policy.stale_if_error_seconds);
    stale_ms == 0 || (!forbids_stale(&control) && stale_ms <= u64::from(allowed_seconds) * 1000)
}

/// Whether it must be validated once it is stale, whatever happens (RFC 9111, sections 5.2.2.2, 5.2.2.8 and 5.2.2.10).
fn forbids_stale(control: &Control) -> bool {
    control.must_revalidate || control.proxy_revalidate || control.s_maxage.is_some() || control.no_cache
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::FieldBlock;

    /// When everything was stored.
    const THEN_MS: u64 = 1_795_132_800_000;

    fn fields(name: &str, value: &str) -> FieldBlock {
        let mut block = FieldBlock::new();
        assert!(value.is_empty() || block.push(name.as_bytes(), value.as_bytes()));
        block
    }

    fn stored(block: &FieldBlock) -> Response<'_> {
        Response { status: 200, fields: block.fields(), requested_at_ms: THEN_MS, responded_at_ms: THEN_MS }
    }

    /// For a response of that age with an entity tag.
    fn decision(asked: &str, control: &str, age_seconds: u64) -> Decision {
        let mut block = fields("Cache-Control", control);
        assert!(block.push(b"ETag", b"\"a\""));
        let request = fields("Cache-Control", asked);
        decide(&Policy::default(), request.fields(), Some(&stored(&block)), THEN_MS + age_seconds * 1000)
    }

    #[test]
    fn fresh_or_not_rfc9111_4_2_and_5_2_1() {
        use Decision::*;
        let cases = [
            ("", "max-age=10", 9, Fresh),
            ("", "max-age=10", 10, Validate),
            ("", "max-age=10, no-cache", 1, Validate),
            ("", "", 0, Validate),
            ("no-cache", "max-age=10", 1, Validate),
            ("no-store", "max-age=10", 1, Fetch),
            ("max-age=0", "max-age=10", 0, Validate),
            ("max-age=5", "max-age=10", 5, Fresh),
            ("max-age=5", "max-age=10", 6, Validate),
            ("min-fresh=5", "max-age=10", 5, Fresh),
            ("min-fresh=5", "max-age=10", 6, Validate),
            ("min-fresh=x", "max-age=10", 0, Validate),
            ("only-if-cached", "max-age=10", 1, Fresh),
            ("only-if-cached", "max-age=10", 11, Unavailable),
            ("only-if-cached, no-cache", "max-age=10", 1, Unavailable),
            ("max-stale", "max-age=10", 1_000_000, Stale),
            ("max-stale=5", "max-age=10", 15, Stale),
            ("max-stale=5", "max-age=10", 16, Validate),
            ("max-stale=5, only-if-cached", "max-age=10", 15, Stale),
            ("max-stale, max-age=12", "max-age=10", 13, Validate),
            ("max-stale, min-fresh=1", "max-age=10", 13, Validate),
            ("max-stale", "max-age=10, must-revalidate", 11, Validate),
            ("max-stale", "max-age=10, proxy-revalidate", 11, Validate),
            ("max-stale", "s-maxage=10", 11, Validate),
            ("max-stale", "max-age=10, no-cache", 1, Validate),
        ];
        for (asked, control, age, expected) in cases {
            assert_eq!(decision(asked, control, age), expected, "{asked:?} {control:?} {age}");
        }
    }

    #[test]
    fn stale_while_revalidate_rfc5861_3() {
        use Decision::*;
        let both = "max-age=10, stale-while-revalidate=5";
        assert_eq!(decision("", both, 15), StaleWhileRevalidate);
        assert_eq!(decision("", both, 16), Validate);
        assert_eq!(decision("max-age=60", both, 12), Validate);
        assert_eq!(decision("no-cache", both, 12), Validate);
        assert_eq!(decision("", "max-age=10, stale-while-revalidate=5, must-revalidate", 12), Validate);
        assert_eq!(decision("", "max-age=10, stale-while-revalidate=x", 11), Validate);
    }

    #[test]
    fn immutable_rfc8246_2() {
        assert_eq!(decision("max-age=0", "max-age=10, immutable", 5), Decision::Fresh);
        assert_eq!(decision("max-age=0", "max-age=10, immutable", 11), Decision::Validate);
        assert_eq!(decision("no-cache", "max-age=10, immutable", 5), Decision::Validate);
    }

    #[test]
    fn without_a_response_or_a_validator_rfc9111_4_and_5_2_1_7() {
        let policy = Policy::default();
        assert_eq!(decide(&policy, Fields::NONE, None, THEN_MS), Decision::Fetch);
        let only = fields("Cache-Control", "only-if-cached");
        assert_eq!(decide(&policy, only.fields(), None, THEN_MS), Decision::Unavailable);
        let block = fields("Cache-Control", "max-age=1");
        assert_eq!(decide(&policy, Fields::NONE, Some(&stored(&block)), THEN_MS + 2000), Decision::Fetch);
    }

    #[test]
    fn after_an_error_rfc9111_4_2_4_and_rfc5861_4() {
        let policy = Policy { stale_if_error_seconds: 100, ..Policy::default() };
        let cases = [
            ("", "max-age=10", None, 110, true),
            ("", "max-age=10", None, 111, false),
            ("", "max-age=10", Some(503), 110, true),
            ("", "max-age=10", Some(500), 11, true),
            ("", "max-age=10", Some(404), 11, false),
            ("", "max-age=10", Some(501), 11, false),
            ("", "max-age=10, stale-if-error=5", None, 15, true),
            ("", "max-age=10, stale-if-error=5", None, 16, false),
            ("", "max-age=10, stale-if-error=500", Some(502), 510, true),
            ("stale-if-error=500", "max-age=10", None, 510, true),
            ("stale-if-error=500", "max-age=10, stale-if-error=5", None, 510, false),
            ("no-cache", "max-age=10", None, 5, true),
            ("", "max-age=10, must-revalidate", None, 5, true),
            ("", "max-age=10, must-revalidate", None, 11, false),
            ("", "max-age=10, must-revalidate, stale-if-error=60", None, 11, false),
            ("", "max-age=10, proxy-revalidate", None, 11, false),
            ("", "max-age=10, s-maxage=10", None, 11, false),
            ("", "max-age=10, no-cache", None, 5, false),
        ];
        for (asked, control, status, age, expected) in cases {
            let (request, block) = (fields("Cache-Control", asked), fields("Cache-Control", control));
            let found = may_serve_after_error(&policy, request.fields(), &stored(&block), status, THEN_MS + age * 1000);
            assert_eq!(found, expected, "{asked:?} {control:?} {status:?} {age}");
        }
    }
}
