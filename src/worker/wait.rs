//! What a connection waits for, in the words of the event loop.

use std::time::Duration;

use crate::http::{Conn, Phase};
use crate::reactor::Wait;

/// How long lines of the access log may wait for a turn.
pub const LOG_WAIT: Duration = Duration::from_secs(1);

/// What a connection waits for; one that is idle for nothing when the loop is stopping.
pub fn wait(conn: &Conn, is_stopping: bool) -> Wait {
    match conn.phase() {
        Phase::Idle if is_stopping => Wait::Close,
        Phase::Idle => Wait::Idle,
        Phase::Head => Wait::Head,
        Phase::Body => Wait::Body,
        Phase::Answering => Wait::Answer,
        Phase::Closing => Wait::Close,
        Phase::Lingering => Wait::Linger,
    }
}
