//! All of it together, beside models of the world around it.

mod disk;

mod history;

mod week;
