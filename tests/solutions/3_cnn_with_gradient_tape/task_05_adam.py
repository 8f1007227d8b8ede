# %% wrong: no bias correction
def adam_step(
    weights, gradient, m, v, step, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7
):
    m = beta_1 * m + (1 - beta_1) * gradient
    v = beta_2 * v + (1 - beta_2) * gradient**2
    return weights - learning_rate * m / (np.sqrt(v) + epsilon), m, v


# %% wrong: multiplies the betas by the step instead of taking the power
def adam_step(
    weights, gradient, m, v, step, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7
):
    m = beta_1 * m + (1 - beta_1) * gradient
    v = beta_2 * v + (1 - beta_2) * gradient**2
    m_hat = m / (1 - beta_1 * step)
    v_hat = v / (1 - beta_2 * step)
    return weights - learning_rate * m_hat / (np.sqrt(v_hat) + epsilon), m, v


# %% wrong: returns the means with the hat, which are corrected again in the next step
def adam_step(
    weights, gradient, m, v, step, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7
):
    m = (beta_1 * m + (1 - beta_1) * gradient) / (1 - beta_1**step)
    v = (beta_2 * v + (1 - beta_2) * gradient**2) / (1 - beta_2**step)
    return weights - learning_rate * m / (np.sqrt(v) + epsilon), m, v


# %% wrong: epsilon inside of the square root
def adam_step(
    weights, gradient, m, v, step, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7
):
    m = beta_1 * m + (1 - beta_1) * gradient
    v = beta_2 * v + (1 - beta_2) * gradient**2
    m_hat, v_hat = m / (1 - beta_1**step), v / (1 - beta_2**step)
    return weights - learning_rate * m_hat / np.sqrt(v_hat + epsilon), m, v


# %% wrong: moves every weight by the learning rate, as in the first step
def adam_step(
    weights, gradient, m, v, step, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7
):
    m = beta_1 * m + (1 - beta_1) * gradient
    v = beta_2 * v + (1 - beta_2) * gradient**2
    return weights - learning_rate * np.sign(gradient), m, v


# %% right: both corrections in the learning rate, as Keras does it
def adam_step(
    weights, gradient, m, v, step, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7
):
    m = m + (gradient - m) * (1 - beta_1)
    v = v + (np.square(gradient) - v) * (1 - beta_2)
    scale = np.sqrt(1 - np.power(beta_2, step))
    alpha = learning_rate * scale / (1 - np.power(beta_1, step))
    return [weights - alpha * m / (np.sqrt(v) + epsilon * scale), m, v]


# %% right: number by number, in place on copies
def adam_step(
    weights, gradient, m, v, step, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7
):
    weights, m, v = weights.copy(), m.copy(), v.copy()
    for k in np.ndindex(weights.shape):
        m[k] = beta_1 * m[k] + (1 - beta_1) * gradient[k]
        v[k] = beta_2 * v[k] + (1 - beta_2) * gradient[k] ** 2
        root = (v[k] / (1 - beta_2**step)) ** 0.5
        weights[k] -= learning_rate * (m[k] / (1 - beta_1**step)) / (root + epsilon)
    return weights, m, v
