//! Coded pictures: bitstream reading, the group-of-pictures buffer, decoders, encoders.
