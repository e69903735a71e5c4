"""Training with differential privacy: a plan that binds sampler, clipping, noise and event, and what runs under it."""
