"""Simulated tables, each a function of its size and a fixed seed."""

import itertools

import numpy as np
import pandas as pd


def crossed(n: int = 1_000_000, users: int = 6_040, items: int = 3_706) -> pd.DataFrame:
    """Ratings of items by users, both skewed: a few users and items have most of the rows."""
    rng = np.random.default_rng(20)
    activity = rng.gamma(0.9, size=users) + 0.1
    popularity = (np.arange(items) + 20.0) ** -0.9
    user = rng.choice(users, size=n, p=activity / activity.sum())
    item = rng.choice(items, size=n, p=popularity / popularity.sum())
    noise = 0.9 * rng.standard_normal(n)
    user_effect, item_effect = (
        0.45 * rng.standard_normal(users),
        0.7 * rng.standard_normal(items),
    )
    y = 3.6 + user_effect[user] + item_effect[item] + noise
    return pd.DataFrame({"y": y.round(6), "user": user, "item": item})


def slopes(n: int = 200_000, groups: int = 20_000) -> pd.DataFrame:
    """A Gaussian response with a random intercept and slope in each group."""
    rng = np.random.default_rng(21)
    group = np.repeat(np.arange(groups), n // groups)
    x = rng.standard_normal(n).round(6)
    b = rng.standard_normal((groups, 2)) @ np.array([[0.8, 0.2], [0.0, 0.4]])
    y = 1.0 + 0.5 * x + b[group, 0] + b[group, 1] * x + rng.standard_normal(n)
    return pd.DataFrame({"y": y.round(6), "x": x, "group": group})


def counts(n: int = 1_000_000, groups: int = 20_000) -> pd.DataFrame:
    """Poisson counts with a random intercept and slope in each group."""
    rng = np.random.default_rng(22)
    group = np.repeat(np.arange(groups), n // groups)
    x = rng.standard_normal(n).round(6)
    b = rng.standard_normal((groups, 2)) @ np.array([[0.5, 0.1], [0.0, 0.25]])
    mean = np.exp(0.3 + 0.2 * x + b[group, 0] + b[group, 1] * x)
    return pd.DataFrame({"y": rng.poisson(mean), "x": x, "group": group})


def three_levels(n: int) -> pd.DataFrame:
    """Pupils in classes of 20 in schools of 5 classes."""
    rng = np.random.default_rng(23)
    klass = np.arange(n) // 20
    school = klass // 5
    x = rng.standard_normal(n).round(6)
    school_effect = 0.6 * rng.standard_normal(school[-1] + 1)
    class_effect = 0.4 * rng.standard_normal(klass[-1] + 1)
    y = 2.0 + 0.3 * x + school_effect[school] + class_effect[klass] + rng.standard_normal(n)
    return pd.DataFrame({"y": y.round(6), "x": x, "school": school, "klass": klass % 5})


def maximal(subjects: int = 56, items: int = 32) -> pd.DataFrame:
    """A 2 × 2 × 2 experiment; its two 8 × 8 covariance matrices have rank 2: a singular fit."""
    rng = np.random.default_rng(7)
    cells = np.array(list(itertools.product([-1, 1], repeat=3)), dtype=float)
    a, b, c = cells.T
    codes = np.column_stack([np.ones(8), cells, a * b, a * c, b * c, a * b * c])
    subject, item = np.repeat(np.arange(subjects), items), np.tile(np.arange(items), subjects)
    x = codes[(subject + item) % 8]
    kept = rng.random(subject.size) > 0.002
    subject, item, x = subject[kept], item[kept], x[kept]
    shrink = 0.35 / np.sqrt(np.arange(1, 9))[:, None]
    of_subjects = rng.standard_normal((8, 2)) * shrink
    of_items = rng.standard_normal((8, 2)) * shrink
    subject_effects = rng.standard_normal((subjects, 2)) @ of_subjects.T
    item_effects = rng.standard_normal((items, 2)) @ of_items.T
    mean = 2.0 + x @ np.array([0.0, 0.3, -0.3, 0.1, 0.0, 0.0, 0.0, 0.0])
    random = (x * subject_effects[subject]).sum(1) + (x * item_effects[item]).sum(1)
    y = mean + random + rng.standard_normal(subject.size)
    table = pd.DataFrame(x[:, 1:].astype(int), columns=[f"x{j}" for j in range(1, 8)])
    return table.assign(y=y, subject=subject, item=item)
