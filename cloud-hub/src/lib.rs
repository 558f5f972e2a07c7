//! The hub that sees all sites.
//!
//! Declared in the order of the path: how one starts and is let in, then what arrives, is passed on, looked at, kept
//! and shown. [`pipeline`] is the table of contents: every joint with its bound on one screen.

pub mod config;

pub mod pipeline;

pub mod step;

pub mod identity;

pub mod access;

pub mod registry;

pub mod desired;

pub mod commands;

pub mod broker;

pub mod ingest;

pub mod bus;

pub mod infer;

pub mod store;

pub mod feed;

pub mod live;

pub mod api;

pub mod web;

mod complaint;
