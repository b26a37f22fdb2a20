//! The network: its layers, its weights and how they are read from safetensors.

pub mod weights;
