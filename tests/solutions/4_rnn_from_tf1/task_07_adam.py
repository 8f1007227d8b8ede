# %% wrong: as the paper has it
def tf1_adam_step(
    weights, gradient, m, v, step, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-8
):
    m = beta_1 * m + (1 - beta_1) * gradient
    v = beta_2 * v + (1 - beta_2) * gradient**2
    m_hat, v_hat = m / (1 - beta_1**step), v / (1 - beta_2**step)
    return weights - learning_rate * m_hat / (np.sqrt(v_hat) + epsilon), m, v


# %% wrong: the epsilon of Keras
def tf1_adam_step(
    weights, gradient, m, v, step, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7
):
    m = beta_1 * m + (1 - beta_1) * gradient
    v = beta_2 * v + (1 - beta_2) * gradient**2
    rate = learning_rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    return weights - rate * m / (np.sqrt(v) + epsilon), m, v


# %% wrong: no correction
def tf1_adam_step(
    weights, gradient, m, v, step, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-8
):
    m = beta_1 * m + (1 - beta_1) * gradient
    v = beta_2 * v + (1 - beta_2) * gradient**2
    return weights - learning_rate * m / (np.sqrt(v) + epsilon), m, v


# %% wrong: epsilon inside of the square root
def tf1_adam_step(
    weights, gradient, m, v, step, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-8
):
    m = beta_1 * m + (1 - beta_1) * gradient
    v = beta_2 * v + (1 - beta_2) * gradient**2
    rate = learning_rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    return weights - rate * m / np.sqrt(v + epsilon), m, v


# %% wrong: the correction of the first step at every step
def tf1_adam_step(
    weights, gradient, m, v, step, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-8
):
    m = beta_1 * m + (1 - beta_1) * gradient
    v = beta_2 * v + (1 - beta_2) * gradient**2
    rate = learning_rate * np.sqrt(1 - beta_2) / (1 - beta_1)
    return weights - rate * m / (np.sqrt(v) + epsilon), m, v


# %% wrong: the root is forgotten
def tf1_adam_step(
    weights, gradient, m, v, step, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-8
):
    m = beta_1 * m + (1 - beta_1) * gradient
    v = beta_2 * v + (1 - beta_2) * gradient**2
    rate = learning_rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    return weights - rate * m / (v + epsilon), m, v


# %% right: written with hats and a scaled epsilon
def tf1_adam_step(
    weights, gradient, m, v, step, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-8
):
    m = m + (gradient - m) * (1 - beta_1)
    v = v + (np.square(gradient) - v) * (1 - beta_2)
    scale = np.sqrt(1 - beta_2**step)
    m_hat, root = m / (1 - beta_1**step), np.sqrt(v) / scale
    return weights - learning_rate * m_hat / (root + epsilon / scale), m, v


# %% right: number by number, in place, a list returned
def tf1_adam_step(
    weights, gradient, m, v, step, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-8
):
    for k in np.ndindex(np.shape(weights)):
        m[k] = beta_1 * m[k] + (1 - beta_1) * gradient[k]
        v[k] = beta_2 * v[k] + (1 - beta_2) * gradient[k] ** 2
        rate = learning_rate * (1 - beta_2**step) ** 0.5 / (1 - beta_1**step)
        weights[k] -= rate * m[k] / (v[k] ** 0.5 + epsilon)
    return [weights, m, v]


# %% right: in float32
def tf1_adam_step(
    weights, gradient, m, v, step, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-8
):
    weights, gradient, m, v = (np.float32(array) for array in (weights, gradient, m, v))
    m = np.float32(beta_1) * m + np.float32(1 - beta_1) * gradient
    v = np.float32(beta_2) * v + np.float32(1 - beta_2) * gradient**2
    rate = np.float32(learning_rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step))
    return weights - rate * m / (np.sqrt(v) + np.float32(epsilon)), m, v
