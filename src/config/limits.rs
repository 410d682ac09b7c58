//! `[limits]`: every field of [`Limits`] under its own name.

use crate::model::Limits;
use crate::strict::{Problem, Table, Value};
use std::time::Duration;

/// The longest time a limit can be set to: more is a slip of the pen, and no clock overflows up to it.
const TIME_MAX: Duration = Duration::from_secs(366 * 24 * 3600);

/// Whether zero is a sensible bound ("none of these") or one that makes everything fail.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Zero {
    Allowed,
    Refused,
}

/// Reads the table; what is not set keeps its default. The literal names every field, so that none can be forgotten.
pub fn read(table: &mut Table<'_, '_>, problems: &mut Vec<Problem>) -> Limits {
    use Zero::{Allowed, Refused};
    let default = Limits::default();
    let mut reader = Reader { table, problems };
    Limits {
        pack_bytes_max: reader.bytes("pack_bytes_max", default.pack_bytes_max, Refused),
        pack_objects_max: reader.count("pack_objects_max", default.pack_objects_max, Refused),
        object_bytes_max: reader.bytes("object_bytes_max", default.object_bytes_max, Refused),
        inflated_bytes_max: reader.bytes("inflated_bytes_max", default.inflated_bytes_max, Refused),
        delta_depth_max: reader.count("delta_depth_max", default.delta_depth_max, Allowed),
        ref_updates_max: reader.count("ref_updates_max", default.ref_updates_max, Refused),
        push_options_max: reader.count("push_options_max", default.push_options_max, Allowed),
        push_option_bytes_max: reader.bytes("push_option_bytes_max", default.push_option_bytes_max, Allowed),
        push_cert_bytes_max: reader.bytes("push_cert_bytes_max", default.push_cert_bytes_max, Refused),
        push_cert_time_max: reader.time("push_cert_time_max", default.push_cert_time_max, Refused),
        commits_max: reader.count("commits_max", default.commits_max, Refused),
        changes_max: reader.count("changes_max", default.changes_max, Refused),
        tag_depth_max: reader.count("tag_depth_max", default.tag_depth_max, Allowed),
        path_depth_max: reader.count("path_depth_max", default.path_depth_max, Allowed),
        content_bytes_max: reader.bytes("content_bytes_max", default.content_bytes_max, Refused),
        findings_max: reader.count("findings_max", default.findings_max, Refused),
        receive_time_max: reader.time("receive_time_max", default.receive_time_max, Refused),
        judge_time_max: reader.time("judge_time_max", default.judge_time_max, Refused),
        forward_time_max: reader.time("forward_time_max", default.forward_time_max, Refused),
        fetch_time_max: reader.time("fetch_time_max", default.fetch_time_max, Refused),
        hold_time_max: reader.time("hold_time_max", default.hold_time_max, Refused),
        approval_time_max: reader.time("approval_time_max", default.approval_time_max, Refused),
        wait_time_max: reader.time("wait_time_max", default.wait_time_max, Allowed),
        held_pushes_max: reader.count("held_pushes_max", default.held_pushes_max, Allowed),
        held_pushes_per_principal_max: reader.count(
            "held_pushes_per_principal_max",
            default.held_pushes_per_principal_max,
            Allowed,
        ),
        held_bytes_max: reader.bytes("held_bytes_max", default.held_bytes_max, Allowed),
        undo_time_max: reader.time("undo_time_max", default.undo_time_max, Allowed),
        connections_max: reader.count("connections_max", default.connections_max, Refused),
        connections_per_address_max: reader.count(
            "connections_per_address_max",
            default.connections_per_address_max,
            Refused,
        ),
        connections_per_principal_max: reader.count(
            "connections_per_principal_max",
            default.connections_per_principal_max,
            Refused,
        ),
        auth_tries_max: reader.count("auth_tries_max", default.auth_tries_max, Refused),
        login_time_max: reader.time("login_time_max", default.login_time_max, Refused),
        idle_time_max: reader.time("idle_time_max", default.idle_time_max, Refused),
        connection_time_max: reader.time("connection_time_max", default.connection_time_max, Refused),
        drain_time_max: reader.time("drain_time_max", default.drain_time_max, Allowed),
    }
}

struct Reader<'r, 't, 'i> {
    table: &'r mut Table<'t, 'i>,
    problems: &'r mut Vec<Problem>,
}

impl<'t, 'i> Reader<'_, 't, 'i> {
    fn bytes<T: TryFrom<u64>>(&mut self, key: &'static str, default: T, zero: Zero) -> T {
        self.number(key, default, zero, Value::bytes)
    }

    fn count<T: TryFrom<u64>>(&mut self, key: &'static str, default: T, zero: Zero) -> T {
        self.number(key, default, zero, Value::unsigned)
    }

    fn number<T: TryFrom<u64>>(
        &mut self,
        key: &'static str,
        default: T,
        zero: Zero,
        read: impl FnOnce(Value<'t, 'i>, &mut Vec<Problem>) -> Option<u64>,
    ) -> T {
        let Some(value) = self.table.get(key) else { return default };
        let Some(number) = read(value, self.problems) else { return default };
        if number == 0 && zero == Zero::Refused {
            self.refuse_zero(value, key);
            return default;
        }
        if let Ok(number) = T::try_from(number) {
            return number;
        }
        let help = format!("it is a number of {} bits", size_of::<T>() * 8);
        self.problems.push(Problem::new(value.span(), format!("`{key}` is too large")).help(help));
        default
    }

    fn time(&mut self, key: &'static str, default: Duration, zero: Zero) -> Duration {
        let Some(value) = self.table.get(key) else { return default };
        let Some(time) = value.duration(self.problems) else { return default };
        if time.is_zero() && zero == Zero::Refused {
            self.refuse_zero(value, key);
            return default;
        }
        if time > TIME_MAX {
            let problem = Problem::new(value.span(), format!("`{key}` is too long"));
            self.problems.push(problem.help("the longest time is \"366 d\""));
            return default;
        }
        time
    }

    fn refuse_zero(&mut self, value: Value<'_, '_>, key: &str) {
        let problem = Problem::new(value.span(), format!("`{key}` must not be zero: everything would be refused"));
        self.problems.push(problem.help("leave the line out to get the default"));
    }
}
