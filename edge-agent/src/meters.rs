//! What each of the agent's metrics means: the HELP lines of `/metrics`, and `docs/reference/metrics.md`.

use metrics::{describe_counter, describe_gauge, describe_histogram};

/// Describes them. Call it once, after the recorder was installed.
pub fn describe() {
    source();
    gate();
    track();
    outbox();
    uplink();
    control();
    health();
}

fn source() {
    describe_counter!("omma_source_connects_total", "Times a camera was connected to.");
    describe_counter!("omma_source_failures_total", "Connections to a camera that failed or ended, by kind of fault.");
}

fn gate() {
    describe_counter!(
        "omma_gate_watched_seconds_total",
        "How long the stream was watched, by capture time, whole seconds."
    );
    describe_counter!("omma_gate_open_seconds_total", "How long of that everything was decoded and looked at.");
    describe_counter!("omma_gate_units_received_total", "Access units that came.");
    describe_counter!(
        "omma_gate_units_decoded_total",
        "Pictures that came out of the decoder; looking back counts them again."
    );
    describe_counter!("omma_gate_looks_total", "Looks of the detector: probe, live, back.");
    describe_histogram!("omma_gate_look_delay_seconds", "From a unit's arrival to what was seen in it: live, back.");
    describe_counter!("omma_gate_glances_total", "Times that coded sizes had the stream decoded to see.");
    describe_counter!(
        "omma_gate_over_budget_total",
        "Probes and glances left out because too many before were in vain."
    );
}

fn track() {
    describe_counter!(
        "omma_track_without_frame_total",
        "Results of a sub-stream that no frame of the main stream was near enough to."
    );
}

fn outbox() {
    describe_gauge!("omma_outbox_waiting", "Records that wait to be acknowledged.");
    describe_gauge!("omma_outbox_newest", "The newest number that a record got, counted from the outbox's beginning.");
    describe_gauge!("omma_outbox_bytes", "What waits takes of the disk, bytes.");
    describe_counter!("omma_outbox_failures_total", "Times the outbox's database failed; each is tried again.");
    describe_counter!("omma_outbox_damaged_records_total", "Records that were lost because they could not be read.");
    describe_counter!("omma_outbox_set_aside_total", "Damaged databases that were set aside for a fresh one.");
}

fn uplink() {
    describe_gauge!("omma_uplink_up", "1 while connected, else 0.");
    describe_counter!("omma_uplink_failures_total", "Connections that failed or ended.");
    describe_counter!("omma_uplink_refused_total", "Publications and subscriptions that the other side refused.");
    describe_counter!("omma_uplink_resent_total", "Records sent again because no acknowledgement came.");
    describe_gauge!("omma_uplink_in_flight", "Records sent and not acknowledged.");
    describe_counter!("omma_uplink_bad_acks_total", "Acknowledgements that could not be read.");
}

fn control() {
    describe_counter!("omma_control_refused_total", "Commands and configurations that were refused.");
    describe_counter!("omma_control_dropped_total", "What was dropped because a bound was reached, by what.");
}

fn health() {
    describe_gauge!("omma_health_crash_reports", "Crash reports of earlier runs that are kept.");
    describe_gauge!("omma_health_unclean_ends", "Earlier runs that did not end as they should.");
    describe_gauge!("omma_health_memory_max_bytes", "Resident memory above which the program starts again.");
    describe_counter!("omma_health_over_memory_total", "Times the program left for its memory.");
    describe_counter!("omma_health_stuck_total", "Times a step was found stuck.");
    describe_gauge!("omma_health_temperature_celsius", "The hottest thermal zone of this machine.");
    describe_gauge!("omma_health_disk_free_bytes", "Free room on the disk of the outbox.");
    describe_gauge!("omma_health_memory_available_bytes", "Memory that programs may still take on this machine.");
    describe_gauge!("omma_health_load1", "Processes that ran or waited for the disk, on average of the last minute.");
    describe_gauge!(
        "omma_health_clock_plausible",
        "1 where the system's clock is later than when this program was made, else 0."
    );
    describe_gauge!("omma_health_clock_ahead_seconds", "How far the system's clock is ahead of the edge's own dates.");
    describe_counter!("omma_health_clock_steps_total", "Times the system's clock was set since the start.");
}
