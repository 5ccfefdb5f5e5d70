//! Enwik8: the first 10^8 bytes of an English Wikipedia dump, for language models of bytes.
