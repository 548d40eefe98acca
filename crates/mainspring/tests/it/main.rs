//! The test kit, used as its users do: through the facade.

mod kit;
