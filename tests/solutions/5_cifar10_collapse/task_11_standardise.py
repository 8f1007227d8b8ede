# %% wrong: the validation pictures by the training pictures that are standardised already
def standardise(train_images, val_images):
    train_images = (train_images - train_images.mean(axis=0)) / (train_images.std(axis=0) + 1e-7)
    val_images = (val_images - train_images.mean(axis=0)) / (train_images.std(axis=0) + 1e-7)
    same = train_images.std(axis=0) == 0
    return np.where(same, 0, train_images), np.where(same, 0, val_images)


# %% wrong: the order is mended, a pixel that is always the same explodes
def standardise(train_images, val_images):
    mean, std = train_images.mean(axis=0), train_images.std(axis=0)
    return (train_images - mean) / (std + 1e-7), (val_images - mean) / (std + 1e-7)


# %% wrong: one mean and one deviation for all pixels
def standardise(train_images, val_images):
    mean, std = train_images.mean(), train_images.std()
    same = train_images.std(axis=0) == 0
    train_images, val_images = (train_images - mean) / std, (val_images - mean) / std
    return np.where(same, 0, train_images), np.where(same, 0, val_images)


# %% wrong: pixels that are always the same are divided by 1, and not set to 0
def standardise(train_images, val_images):
    mean, std = train_images.mean(axis=0), train_images.std(axis=0)
    std = np.where(std == 0, 1, std)
    return (train_images - mean) / std, (val_images - mean) / std


# %% wrong: division by zero makes nan and inf, and only nan is mended
def standardise(train_images, val_images):
    mean, std = train_images.mean(axis=0), train_images.std(axis=0)
    train_images = (train_images - mean) / std
    val_images = (val_images - mean) / std
    return np.nan_to_num(train_images, posinf=1e6), np.nan_to_num(val_images, posinf=1e6)


# %% right: divides where it can
def standardise(train_images, val_images):
    mean, std = np.mean(train_images, axis=0), np.std(train_images, axis=0)
    ok = np.ptp(train_images, axis=0) > 0
    results = []
    for images in [train_images, val_images]:
        result = np.zeros(images.shape)
        result[:, ok] = (images[:, ok] - mean[ok]) / std[ok]
        results.append(result)
    return results


# %% right: scikit-learn's scaler, in float32, and a mask
from sklearn.preprocessing import StandardScaler


def standardise(train_images, val_images):
    count = len(train_images)
    train, val = train_images.reshape(count, -1), val_images.reshape(len(val_images), -1)
    scaler = StandardScaler().fit(train.astype("float64"))
    keep = scaler.var_ > 1e-12
    train = (scaler.transform(train) * keep).astype("float32")
    val = (scaler.transform(val) * keep).astype("float32")
    return train.reshape(train_images.shape), val.reshape(val_images.shape)
