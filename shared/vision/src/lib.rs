//! From a frame to boxes, tracks and events: pure but for the engines.
