//! Answers that take more than one turn: bytes of files, and waiting for other threads.
//!
//! Lives here: the reactor's part that asks the service for the next step and takes it, one per connection and turn.
//! Not here: reading requests and sending what fits into memory (`connection`).

use std::io::ErrorKind;

use super::connection::Watch;
use super::event_loop::{Moment, Reactor};
use super::limits::Limit;
use super::reason::CloseReason;
use super::service::{Detached, FileRange, Place, Received, Service, Step};
use super::table::Key;
use crate::sys;

/// Most bytes of a file sent for one connection per turn, so that others get theirs. Picked by feel: what a socket
/// takes at once is less, mostly.
const FILE_BYTES_MAX: u64 = 1 << 20;

impl<S: Service> Reactor<S> {
    /// Takes the next step of a connection's answer.
    pub(super) fn advance(&mut self, key: Key, service: &mut S, now: Moment) {
        let Some(connection) = self.table.get_mut(key) else { return };
        if connection.is_broken {
            return self.close(key, CloseReason::PeerReset, service);
        }
        self.output.clear();
        match service.go_on(&mut connection.session, Place(key), &mut self.output, now.instant) {
            Step::Send => {
                if self.send_output(key, service, now) {
                    self.table.wait(key, Limit::Answer, now.ms);
                    self.make_ready(key);
                }
            }
            Step::SendFile(range) => {
                if self.send_output(key, service, now) {
                    self.send_file(key, &range, service, now);
                }
            }
            Step::Later => {
                // After a write had to wait: from now on the service is waited for.
                if self.table.limit(key) != Some(Limit::Answer) {
                    self.table.wait(key, Limit::Answer, now.ms);
                }
                if !self.watch(key, Watch::Reading) {
                    self.close(key, CloseReason::NotRegistered, service);
                }
            }
            Step::Over(wait) => {
                // Requests that came meanwhile are looked at once this answer is out.
                let has_paused = !connection.unread.is_empty();
                connection.has_paused = has_paused;
                let received = Received { consumed_bytes: 0, wait, is_new_wait: true, has_paused };
                self.follow(key, received, service, now);
            }
            Step::Abort => self.close(key, CloseReason::AnswerBroken, service),
            Step::Detach => self.detach(key, service),
        }
    }

    fn send_file(&mut self, key: Key, range: &FileRange, service: &mut S, now: Moment) {
        let Some(connection) = self.table.get_mut(key) else { return };
        let length_bytes = range.length_bytes.min(FILE_BYTES_MAX) as usize;
        let sent = sys::send_file(&connection.stream, &range.file, range.offset_bytes, length_bytes);
        self.counters.writes += 1;
        match sent {
            Ok(bytes @ 1..) => {
                self.counters.written_bytes += bytes as u64;
                service.sent(&mut connection.session, bytes as u64);
                self.table.wait(key, Limit::Answer, now.ms);
                self.make_ready(key);
            }
            // The file is shorter than it was said to be.
            Ok(_) => self.close(key, CloseReason::AnswerBroken, service),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if self.table.limit(key) != Some(Limit::Write) {
                    self.table.wait(key, Limit::Write, now.ms);
                }
                if !self.watch(key, Watch::ReadingAndWriting) {
                    self.close(key, CloseReason::NotRegistered, service);
                }
            }
            Err(_) => self.close(key, CloseReason::PeerReset, service),
        }
    }

    /// Hands a connection over to the service.
    fn detach(&mut self, key: Key, service: &mut S) {
        let Some(mut connection) = self.table.remove(key) else { return };
        self.counters.closed[CloseReason::Detached as usize] += 1;
        // Where it is not under the kernel's watch, there is nothing to end.
        let _ = self.poll.registry().deregister(&mut connection.stream);
        let detached = Detached { stream: connection.stream.into(), unread: connection.unread };
        service.detached(connection.session, detached);
    }
}
