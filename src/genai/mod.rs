//! genai.
