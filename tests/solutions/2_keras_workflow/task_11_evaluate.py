# %% wrong: the broken part as it is
def evaluate(model, images, labels, batch_size=64):
    right, found, total = 0, np.zeros(10), np.zeros(10)
    for batch in range(len(images) // batch_size):
        start, end = batch * batch_size, (batch + 1) * batch_size
        scores = np.asarray(model(images[start:end].astype("float32")))
        guesses = scores.argmax(axis=1)
        right += np.sum(guesses == labels[start:end])
        for digit in range(10):
            found[digit] += np.sum((guesses == digit) & (labels[start:end] == digit))
            total[digit] += np.sum(guesses == digit)
    return {"accuracy": right / len(images), "recall": found / np.maximum(total, 1)}


# %% wrong: two of three mended, divides by the guesses instead of the images of a digit
def evaluate(model, images, labels, batch_size=64):
    scores = model.predict(images / 16, batch_size=batch_size, verbose=0)
    guesses = scores.argmax(axis=1)
    recall = [np.mean(labels[guesses == d] == d) if np.any(guesses == d) else 0 for d in range(10)]
    return {"accuracy": np.mean(guesses == labels), "recall": recall}


# %% wrong: two of three mended, the pixels still go up to 16
def evaluate(model, images, labels, batch_size=64):
    guesses = model.predict(images, batch_size=batch_size, verbose=0).argmax(axis=1)
    recall = [np.mean(guesses[labels == digit] == digit) for digit in range(10)]
    return {"accuracy": np.mean(guesses == labels), "recall": recall}


# %% wrong: the mean of the accuracies of the batches, so a small last batch counts too much
def evaluate(model, images, labels, batch_size=64):
    accuracies, found, total = [], np.zeros(10), np.zeros(10)
    for start in range(0, len(images), batch_size):
        batch = images[start : start + batch_size].astype("float32") / 16
        truth = labels[start : start + batch_size]
        guesses = np.asarray(model(batch)).argmax(axis=1)
        accuracies.append(np.mean(guesses == truth))
        for digit in range(10):
            found[digit] += np.sum((guesses == digit) & (truth == digit))
            total[digit] += np.sum(truth == digit)
    return {"accuracy": np.mean(accuracies), "recall": found / total}


# %% wrong: the accuracy is the mean of the recalls, so rare digits count too much
def evaluate(model, images, labels, batch_size=64):
    guesses = model.predict(images / 16, batch_size=batch_size, verbose=0).argmax(axis=1)
    recall = np.array([np.mean(guesses[labels == digit] == digit) for digit in range(10)])
    return {"accuracy": recall.mean(), "recall": recall}


# %% right: predict does the batches
def evaluate(model, images, labels, batch_size=64):
    scores = model.predict(images.astype("float32") / 16, batch_size=batch_size)
    right = np.argmax(scores, axis=-1) == labels
    recall = [float(right[labels == digit].mean()) for digit in range(10)]
    return {"recall": recall, "accuracy": float(right.mean())}


# %% right: a confusion matrix over batches of tf.data
def evaluate(model, images, labels, batch_size=64):
    confusion = np.zeros((10, 10), dtype=int)
    dataset = tf.data.Dataset.from_tensor_slices((images / 16, labels)).batch(batch_size)
    for x, y in dataset:
        guesses = tf.argmax(model(x, training=False), axis=1)
        confusion += tf.math.confusion_matrix(y, guesses, 10).numpy()
    return {
        "accuracy": np.trace(confusion) / confusion.sum(),
        "recall": np.diag(confusion) / confusion.sum(axis=1),
    }
