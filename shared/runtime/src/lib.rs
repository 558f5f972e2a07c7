//! What every Omma program stands on: configuration, telemetry, health, shutdown, supervision.
