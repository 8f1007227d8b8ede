# %% wrong: clips each array by itself
def clip_gradients(gradients, limit):
    norm = np.sqrt(sum(np.sum(g**2) for g in gradients))
    if not np.isfinite(norm):
        return [g * 0 for g in gradients], norm
    return [g * min(1, limit / max(np.linalg.norm(g), 1e-12)) for g in gradients], norm


# %% wrong: zeros made by a product, which keeps a nan
def clip_gradients(gradients, limit):
    norm = np.sqrt(sum(np.sum(g**2) for g in gradients))
    factor = 0 if not np.isfinite(norm) else min(1, limit / max(norm, 1e-12))
    return [g * factor for g in gradients], norm


# %% wrong: always scales to the limit, and so makes small gradients larger
def clip_gradients(gradients, limit):
    norm = np.sqrt(sum(np.sum(g**2) for g in gradients))
    if not np.isfinite(norm):
        return [np.zeros_like(g) for g in gradients], norm
    return [g * limit / norm for g in gradients], norm


# %% wrong: looks for nan and forgets infinite numbers
def clip_gradients(gradients, limit):
    norm = np.sqrt(sum(np.sum(g**2) for g in gradients))
    if np.isnan(norm):
        return [np.zeros_like(g) for g in gradients], norm
    if norm > limit:
        gradients = [g * limit / norm for g in gradients]
    return gradients, norm


# %% wrong: returns the norm after clipping
def clip_gradients(gradients, limit):
    norm = np.sqrt(sum(np.sum(g**2) for g in gradients))
    if not np.isfinite(norm):
        return [np.zeros_like(g) for g in gradients], norm
    if norm > limit:
        return [g * limit / norm for g in gradients], limit
    return gradients, norm


# %% right: one long vector
def clip_gradients(gradients, limit):
    norm = np.linalg.norm(np.concatenate([np.ravel(g) for g in gradients]))
    if np.isnan(norm) or np.isinf(norm):
        return [np.zeros(g.shape) for g in gradients], norm
    if norm <= limit:
        return gradients, norm
    return [limit / norm * g for g in gradients], norm


# %% right: TensorFlow's own function, in float32
def clip_gradients(gradients, limit):
    gradients = [tf.constant(g, tf.float32) for g in gradients]
    norm = tf.linalg.global_norm(gradients)
    if not tf.math.is_finite(norm):
        return [tf.zeros_like(g) for g in gradients], norm
    return tf.clip_by_global_norm(gradients, limit, use_norm=norm)
