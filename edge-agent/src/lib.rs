//! The agent beside the cameras.
