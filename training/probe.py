"""How well a linear classifier tells classes apart in a space of vectors."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from service.separability import LabelledFeatures


def linear_probe_accuracy(known: LabelledFeatures, queries: LabelledFeatures) -> float:
    """Share of queries, in [0, 1], that a logistic regression on standardised vectors classifies rightly.

    It is fitted once, on what is known, with scikit-learn's default L2 penalty: a probe measures how linearly the
    classes lie, not the best classifier that could be tuned (Alain & Bengio 2016, arXiv:1610.01644).
    """
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, tol=1e-3))
    probe.fit(known.features, known.labels)
    return float(np.mean(probe.predict(queries.features) == queries.labels))
