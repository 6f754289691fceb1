"""Glass-box models: read from plain JSON, every prediction the sum of what each term says, with its range, drift and fairness.

    model = parse_model(read)                        # packs/*/models/NAME/VERSION/model.json
    said = predict(model, features)                  # Prediction, or NoPrediction that says which input is outside or unknown

glass_box.py     the model and its predictions          figures.py   drift, calibration, accuracy, error by group
kindergarten.py  features of kindergarten demand        card.py      the model card in three languages
plots.py         terms and predictions as SVG           training.py  how a model is made; needs the extra `models`: import by name

Pure: values in, values out; no library of machine learning is needed to predict. Explainable boosting machines: Lou, Caruana,
Gehrke, "Accurate intelligible models with pairwise interactions" (KDD 2013). Called by cases, the nation and `sild models`.
"""

from __future__ import annotations

from sild.models.card import ModelCard, Section, parse_card
from sild.models.figures import (
    ALARM,
    SMALL_GROUP,
    WATCH,
    Accuracy,
    Band,
    Drift,
    GroupError,
    Pair,
    accuracy_of,
    calibration_of,
    drift_of,
    errors_by_group,
)
from sild.models.glass_box import (
    Contribution,
    Feature,
    GlassBox,
    NoPrediction,
    Outside,
    Prediction,
    Term,
    parse_model,
    predict,
)
from sild.models.kindergarten import LiveFigures, features_of, live_figures
from sild.models.plots import predicted_plot, term_plot

__all__ = [
    "ALARM",
    "SMALL_GROUP",
    "WATCH",
    "Accuracy",
    "Band",
    "Contribution",
    "Drift",
    "Feature",
    "GlassBox",
    "GroupError",
    "LiveFigures",
    "ModelCard",
    "NoPrediction",
    "Outside",
    "Pair",
    "Prediction",
    "Section",
    "Term",
    "accuracy_of",
    "calibration_of",
    "drift_of",
    "errors_by_group",
    "features_of",
    "live_figures",
    "parse_card",
    "parse_model",
    "predict",
    "predicted_plot",
    "term_plot",
]
