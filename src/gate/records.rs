//! What the record keeps of a push, put together from what the stages found.
