"""The paper's own figures, as printed (Li et al., RecSys 2024, Tables 1 to 8).

They stand beside ours for orientation and never in their place: the paper's data and its language
model (PaLM-2 XXS) are not public. `DOMAINS` says which of our domains hold data close to the
paper's, and what differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from calrec.evaluation.metrics import METRICS
from calrec.ranking.rules import Rules

Printed = tuple[float, float]
"""Optimistic and pessimistic value; equal where the paper prints one for both."""


@dataclass(frozen=True, kw_only=True)
class PaperDomain:
    """A domain of ours with data close to a dataset of the paper.

    Attributes:
      dataset: the paper's name for its own.
      differs: what our data lack or have otherwise.
    """

    dataset: str
    differs: str

    @property
    def remark(self) -> str:
        """One sentence that stands under each table with the paper's figures."""
        return (
            f"The paper's {self.dataset}: {self.differs}; not the paper's own file, so its figures"
            " stand beside, never in its place."
        )


DOMAINS: Mapping[str, PaperDomain] = {
    "scientific_2018": PaperDomain(
        dataset="Scientific",
        differs="our data hold 89 % of its purchases, and no price",
    ),
    "games_2018": PaperDomain(
        dataset="Games",
        differs="our data hold 99 % of its purchases, and neither price nor brand",
    ),
}


def beside(domain: str, split: str, rules: Rules) -> PaperDomain | None:
    """The paper's dataset whose figures stand beside ours; only its split and its rule can."""
    alike = split == "test" and rules.bought == "ranked"
    return DOMAINS.get(domain) if alike else None


METHODS = (
    "BERT4Rec",
    "SASRec",
    "FDSA",
    "S3-Rec",
    "UniSRec (ID+text)",
    "UniSRec (text)",
    "RecFormer",
    "LIR",
    "CALRec",
)
"""The columns of Table 2."""

# Users, duplicates (%), items, purchases, items a user, purchases an item, density, words an item,
# distinct words, mean frequency of a word.
_TABLE_1 = """
Scientific   9461 5.5  5282  66644 7.04 12.62 0.0013  22.82 19178 6.3
Instruments 25577 4.0 10599 214526 8.39 20.24 0.00079 18.43 22256 8.8
Arts        47197 9.4 22828 411449 8.72 18.02 0.00038 21.38 40342 12.1
Office      44736 6.3 27482 352151 7.87 12.81 0.00029 21.74 56687 10.5
Games       50940 4.7 17383 457060 8.97 26.29 0.00051 16.39 17087 16.7
Pet         43135 5.9 37712 380623 8.82 10.09 0.00023 19.87 47339 15.8
"""

# The last column is the paper's improvement of CALRec over the best other, of optimistic values.
_TABLE_2 = """
Scientific  ndcg@10   0.0411 0.0555 0.0594 0.0414 0.0644 0.0620/0.0580 0.0639/0.0588 0.0565/0.0486 0.0788/0.0740 22.4%
Scientific  recall@1  0.0239 0.0079 0.0357 0.0172 0.0199 0.0242/0.0140 0.0298/0.0168 0.0142/0.0052 0.0511/0.0389 43.1%
Scientific  recall@10 0.0636 0.1065 0.0887 0.0727 0.1181 0.1101/0.1100 0.1058/0.1057 0.1005/0.0933 0.1124/0.1117 -4.8%
Scientific  mrr       0.0389 0.0456 0.0555 0.0380 0.0555 0.0546/0.0492 0.0570/0.0502 0.0461/0.0385 0.0730/0.0667 28.1%
Instruments ndcg@10   0.0680 0.0623 0.0796 0.0606 0.0709 0.0661/0.0655 0.0596/0.0585 0.0344/0.0338 0.0909/0.0905 14.2%
Instruments recall@1  0.0494 0.0158 0.0574 0.0202 0.0237 0.0251/0.0236 0.0266/0.0239 0.0040/0.0031 0.0718/0.0706 25.1%
Instruments recall@10 0.0915 0.1130 0.1092 0.1048 0.1255 0.1141/0.1141 0.0940/0.0940 0.0696/0.0692 0.1158/0.1158 -7.7%
Instruments mrr       0.0658 0.0528 0.0765 0.0526 0.0613 0.0576/0.0569 0.0535/0.0521 0.0263/0.0257 0.0864/0.0857 12.9%
Arts        ndcg@10   0.0547 0.0619 0.0726 0.0602 0.0729 0.0630/0.0624 0.0662/0.0653 0.0443/0.0431 0.0864/0.0853 18.5%
Arts        recall@1  0.0347 0.0147 0.0460 0.0216 0.0213 0.0220/0.0208 0.0279/0.0254 0.0067/0.0051 0.0636/0.0610 38.3%
Arts        recall@10 0.0799 0.1118 0.1061 0.1052 0.1320 0.1103/0.1102 0.1095/0.1095 0.0859/0.0850 0.1140/0.1139 -13.6%
Arts        mrr       0.0513 0.0519 0.0680 0.0520 0.0615 0.0546/0.0540 0.0582/0.0569 0.0344/0.0331 0.0815/0.0801 19.9%
Office      ndcg@10   0.0545 0.0602 0.0749 0.0607 0.0713 0.0625/0.0616 0.0687/0.0676 0.0391/0.0379 0.0976/0.0966 30.3%
Office      recall@1  0.0403 0.0134 0.0547 0.0291 0.0213 0.0250/0.0228 0.0328/0.0302 0.0056/0.0040 0.0761/0.0734 39.1%
Office      recall@10 0.0709 0.1033 0.0982 0.0941 0.1220 0.1023/0.1022 0.1063/0.1063 0.0735/0.0728 0.1213/0.1213 -0.6%
Office      mrr       0.0520 0.0499 0.0710 0.0535 0.0597 0.0545/0.0533 0.0603/0.0588 0.0309/0.0296 0.0925/0.0911 30.3%
Games       ndcg@10   0.0334 0.0451 0.0526 0.0419 0.0501 0.0408/0.0407 0.0377/0.0360 0.0211/0.0197 0.0595/0.0585 13.1%
Games       recall@1  0.0112 0.0039 0.0210 0.0080 0.0075 0.0111/0.0107 0.0126/0.0091 0.0015/0.0009 0.0295/0.0277 40.5%
Games       recall@10 0.0646 0.0989 0.0957 0.0884 0.1074 0.0820/0.0820 0.0724/0.0723 0.0442/0.0427 0.0986/0.0984 -8.2%
Games       mrr       0.0313 0.0380 0.0483 0.0367 0.0427 0.0372/0.0370 0.0349/0.0326 0.0171/0.0159 0.0510/0.0498 5.6%
Pet         ndcg@10   0.0376 0.0448 0.0537 0.0392 0.0574 0.0539/0.0464 0.0590/0.0471 0.0391/0.0354 0.0736/0.0693 24.8%
Pet         recall@1  0.0276 0.0093 0.0394 0.0162 0.0202 0.0295/0.0129 0.0377/0.0130 0.0094/0.0030 0.0570/0.0465 44.7%
Pet         recall@10 0.0499 0.0773 0.0710 0.0647 0.0970 0.0829/0.0826 0.0826/0.0818 0.0680/0.0673 0.0937/0.0934 -3.4%
Pet         mrr       0.0365 0.0382 0.0522 0.0349 0.0503 0.0498/0.0399 0.0549/0.0393 0.0317/0.0272 0.0696/0.0639 26.8%
Average     ndcg@10   0.0482 0.0550 0.0655 0.0507 0.0645 0.0581/0.0558 0.0592/0.0556 0.0391/0.0364 0.0811/0.0790 23.8%
Average     recall@1  0.0312 0.0108 0.0424 0.0187 0.0190 0.0228/0.0175 0.0279/0.0197 0.0069/0.0036 0.0582/0.0530 37.3%
Average     recall@10 0.0701 0.1018 0.0948 0.0883 0.1170 0.1003/0.1002 0.0951/0.0949 0.0736/0.0717 0.1093/0.1091 -6.6%
Average     mrr       0.0460 0.0461 0.0619 0.0446 0.0552 0.0514/0.0484 0.0531/0.0483 0.0311/0.0283 0.0757/0.0729 22.3%
"""  # noqa: E501

# One line a dataset and variant (`calrec.report.variants`), then the four metrics.
_TABLE_3 = """
Scientific  full           0.0788/0.0740 0.0511/0.0389  0.1124/0.1117 0.0730/0.0667
Scientific  no-stage1      0.0727/0.0675 0.04408/0.0314 0.1070/0.1061 0.0670/0.0602
Scientific  no-stage2      0.0717/0.0670 0.0424/0.0300  0.1077/0.1073 0.0653/0.0588
Scientific  no-contrastive 0.0771/0.0724 0.0495/0.0376  0.1109/0.1105 0.0712/0.0649
Scientific  pretrained     0.0326/0.0291 0.0090/0.0055  0.0661/0.0623 0.0267/0.0234
Instruments full           0.0909/0.0905 0.0718/0.0706  0.1158/0.1158 0.0864/0.0857
Instruments no-stage1      0.0870/0.0862 0.0673/0.0658  0.1119/0.1115 0.0822/0.0812
Instruments no-stage2      0.0867/0.0862 0.0715/0.0702  0.1048/0.1048 0.0840/0.0834
Instruments no-contrastive 0.0905/0.0899 0.0711/0.0696  0.1154/0.1153 0.0858/0.0850
Instruments pretrained     0.0257/0.0254 0.0041/0.0037  0.0585/0.0584 0.0197/0.0193
Games       full           0.0595/0.0585 0.0295/0.0277  0.0986/0.0984 0.0510/0.0498
Games       no-stage1      0.0583/0.0570 0.0286/0.0265  0.0966/0.0959 0.0501/0.0486
Games       no-stage2      0.0539/0.0530 0.0257/0.0238  0.0904/0.0902 0.0463/0.0451
Games       no-contrastive 0.0593/0.0584 0.0289/0.0272  0.0987/0.0985 0.0507/0.0495
Games       pretrained     0.0150/0.0141 0.0031/0.0024  0.0325/0.0314 0.0134/0.0127
"""

# With and without contrastive alignment, improvement (%) and p, averages over 6 datasets.
_TABLE_4 = """
ndcg@10   0.0811/0.0790 0.0803/0.0782 1.00/1.02 0.0076/0.0064
recall@1  0.0582/0.0530 0.0574/0.0521 1.39/1.73 0.0027/0.0004
recall@10 0.1093/0.1091 0.1084/0.1082 0.83/0.83 0.0178/0.019
mrr       0.0757/0.0729 0.0748/0.0720 1.20/1.25 0.0066/0.0037
"""

# Raw PaLM-2 XXS, nothing trained: CALRec's template (Table 5) and GPT4Rec's (Table 6).
_TABLE_6 = """
Scientific  calrec  0.0326/0.0291 0.0090/0.0055 0.0661/0.0623 0.0267/0.0234
Scientific  gpt4rec 0.0265/0.0232 0.0051/0.0030 0.0582/0.0537 0.0217/0.0189
Instruments calrec  0.0257/0.0254 0.0041/0.0037 0.0585/0.0584 0.0197/0.0193
Instruments gpt4rec 0.0240/0.0237 0.0028/0.0025 0.0584/0.0583 0.0179/0.0175
"""

# Optimistic values of LIR with repeats (data of Li et al. 2023), then without (the paper's own).
_TABLE_7 = """
Scientific  0.088  0.0355 0.1381 0.0745 0.0565 0.0142 0.1005 0.0461
Instruments 0.0545 0.0301 0.081  0.0485 0.0344 0.0040 0.0696 0.0263
Arts        0.0946 0.0511 0.1464 0.0811 0.0443 0.0067 0.0859 0.0344
Office      0.0757 0.0424 0.1095 0.0669 0.0391 0.0056 0.0735 0.0309
Games       0.05   0.0275 0.0755 0.0444 0.0211 0.0015 0.0442 0.0171
Pet         0.069  0.0318 0.1085 0.0578 0.0391 0.0094 0.0680 0.0317
"""

# Format errors (%), texts that match an item on all four attributes (%), on the title (%), and
# the metrics of hierarchical match; its relative change against BM25 follows from Table 2.
_TABLE_8 = """
Scientific  0.0   82.3 96.7 0.0771/0.0725 0.0525/0.0404 0.1054/0.1054 0.0693/0.0632
Instruments 0.001 97.6 99.8 0.0905/0.0901 0.0717/0.0705 0.1151/0.1151 0.0836/0.0830
Arts        0.01  92.5 98.9 0.0854/0.0844 0.0636/0.0611 0.1113/0.1113 0.0777/0.0764
Office      0.0   84.5 94.7 0.0926/0.0916 0.0736/0.0710 0.1127/0.1127 0.0864/0.0851
Games       0.05  98.0 99.0 0.0582/0.0573 0.0276/0.0257 0.0973/0.0972 0.0467/0.0456
Pet         0.03  97.3 99.0 0.0733/0.0690 0.0573/0.0468 0.0924/0.0922 0.0677/0.0620
"""


def _printed(text: str) -> Printed:
    optimistic, _, pessimistic = text.partition("/")
    return float(optimistic), float(pessimistic or optimistic)


def _lines(table: str) -> list[list[str]]:
    return [line.split() for line in table.strip().splitlines()]


def _by_metric(cells: list[str]) -> dict[str, Printed]:
    return dict(zip(METRICS, map(_printed, cells), strict=True))


TABLE_1: Mapping[str, tuple[float, ...]] = {
    dataset: (float(users), float(duplicates) / 100, *map(float, rest))
    for dataset, users, duplicates, *rest in _lines(_TABLE_1)
}
"""Dataset to its figures, in the order of the paper's columns; duplicates are a fraction."""

TABLE_2: Mapping[tuple[str, str], Mapping[str, Printed]] = {
    (dataset, metric): dict(zip(METHODS, map(_printed, cells), strict=True))
    for dataset, metric, *cells, _ in _lines(_TABLE_2)
}
"""`(dataset, metric)` to each method's figures; dataset "Average" is the mean of the six."""

IMPROVEMENT: Mapping[tuple[str, str], float] = {
    (dataset, metric): float(last.rstrip("%")) / 100
    for dataset, metric, *_, last in _lines(_TABLE_2)
}
"""Last column of Table 2, as a fraction."""

TABLE_3: Mapping[tuple[str, str], Mapping[str, Printed]] = {
    (dataset, variant): _by_metric(cells) for dataset, variant, *cells in _lines(_TABLE_3)
}
"""`(dataset, variant)` to metrics."""


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """A row of Table 4: optimistic, pessimistic. Improvements are fractions."""

    with_losses: Printed
    without: Printed
    improvement: Printed
    p: Printed


TABLE_4: Mapping[str, Contrast] = {
    metric: Contrast(
        with_losses=_printed(with_losses),
        without=_printed(without),
        improvement=(_printed(improvement)[0] / 100, _printed(improvement)[1] / 100),
        p=_printed(p),
    )
    for metric, with_losses, without, improvement, p in _lines(_TABLE_4)
}

TABLE_6: Mapping[tuple[str, str], Mapping[str, Printed]] = {
    (dataset, template): _by_metric(cells) for dataset, template, *cells in _lines(_TABLE_6)
}
"""`(dataset, template)` to metrics, nothing trained; template "calrec" is Table 5's XXS."""


@dataclass(frozen=True, kw_only=True)
class Repeats:
    """A row of Table 7: LIR's optimistic metrics on data with and without exact repeats."""

    kept: Mapping[str, float]
    removed: Mapping[str, float]


TABLE_7: Mapping[str, Repeats] = {
    dataset: Repeats(
        kept=dict(zip(METRICS, map(float, cells[:4]), strict=True)),
        removed=dict(zip(METRICS, map(float, cells[4:]), strict=True)),
    )
    for dataset, *cells in _lines(_TABLE_7)
}


@dataclass(frozen=True, kw_only=True)
class Texts:
    """A row of Table 8; the shares are fractions of the generated texts."""

    format_errors: float
    all_attributes: float
    title: float
    hierarchical: Mapping[str, Printed]


TABLE_8: Mapping[str, Texts] = {
    dataset: Texts(
        format_errors=float(errors) / 100,
        all_attributes=float(four) / 100,
        title=float(title) / 100,
        hierarchical=_by_metric(cells),
    )
    for dataset, errors, four, title, *cells in _lines(_TABLE_8)
}
