# Writes model_matrices.json beside this file: what R's model.matrix gives for each formula,
# and which columns its QR (tolerance 1e-7, as in lm) keeps. Run: Rscript make.R  (R 4.2.2)
library(jsonlite)
d <- data.frame(
  x = c(1.5, 2, 3.25, 4, 5.5, 6, 7.75, 8, 9.5, 11),
  z = c(0.3, -1.2, 2.2, 0.1, -0.7, 1.9, 0.4, -2.1, 1.1, 0.8),
  k = c(1, 2, 3, 1, 2, 3, 1, 2, 3, 1),
  dose = c(0, 0.2, 0.4, 0.6, 0, 0.2, 0.4, 0.6, 0, 0.2),
  a = factor(c("u", "v", "w", "u", "v", "w", "u", "v", "w", "u")),
  b = factor(c("p", "p", "q", "q", "p", "q", "p", "q", "q", "p")),
  o = factor(c("lo", "mid", "hi", "top", "lo", "mid", "hi", "top", "lo", "hi"),
             levels = c("lo", "mid", "hi", "top"), ordered = TRUE),
  l = c(TRUE, FALSE, TRUE, TRUE, FALSE, FALSE, TRUE, FALSE, TRUE, FALSE),
  `my x` = c(2, 1, 4, 3, 6, 5, 8, 7, 10, 9), check.names = FALSE)
formulas <- c(
  "~ 1", "~ 0 + x", "~ x", "~ x - 1", "~ -1 + a", "~ a", "~ 0 + a", "~ 0 + a + b", "~ a + b - 1",
  "~ a * b", "~ a:b", "~ 0 + a:b", "~ b:a + a", "~ a + a:b", "~ a/b", "~ (a + b)/x", "~ a/b/x",
  "~ a * x", "~ x * a", "~ a:x", "~ 0 + a:x", "~ x:a + a", "~ x:b + a:b", "~ a * b * x", "~ (a + b + x)^2",
  "~ (a + b + x)^2 - a:b", "~ (a + b + x)^3 - a:b:x", "~ a * b - a", "~ a * b - a - b", "~ b %in% a",
  "~ a + b %in% a", "~ x + I(x^2)", "~ I(x^2) + x", "~ I(x * z) + I((x + z)/2) + I(-x)", "~ poly(x, 1)", "~ poly(x, 2)",
  "~ poly(x,3)", "~ poly(x, 2, raw = TRUE)", "~ poly(x, degree=2)", "~ a * poly(x, 2)", "~ poly(x, 2):z",
  "~ poly(x, 2):poly(z, 2)", "~ factor(k)", "~ as.factor(k)", "~ factor(dose)", "~ factor(k) * x", "~ 0 + factor(k):b", "~ o", "~ 0 + o",
  "~ o * b", "~ o:x", "~ l", "~ l * x", "~ 0 + l", "~ C(a, contr.sum)", "~ C(a, contr.helmert) * b",
  "~ C(a)", "~ log(x) + log(x, 2) + log10(x) + log2(x) + log1p(x)",
  "~ sqrt(x) + exp(z) + abs(z)", "~ scale(x)", "~ scale(x, scale = FALSE) * b", "~ scale(x, center = TRUE)", "~ I(x > 4)", "~ I(x > 4) * b",
  "~ `my x` + log(`my x`)", "~ a:`my x`", "~ x + z + x:z + a:x:z", "~ a:b:o", "~ b:a:x + x:b", "~ 0 + x:a + b",
  "~ x + I(2 * x)", "~ a + I(1 * (a == \"v\")) + x", "~ I(x - mean(x))", "~ x + x", "~ x * x", "~ a^2", "~ x + I(x + 1) + z",
  "~ relevel(a, ref = \"w\")", "~ b + relevel(a, \"v\"):b", "~ factor(a, levels = c(\"w\", \"u\", \"v\"))", "~ ordered(k)", "~ interaction(a, b)[1:10]")
formulas <- formulas[-length(formulas)]
one <- function(text, contrasts = c("contr.treatment", "contr.poly")) {
  options(contrasts = contrasts)
  X <- model.matrix(as.formula(text), d)
  q <- qr(X, tol = 1e-7)
  list(formula = text, contrasts = sub("contr.", "", contrasts[1]), names = I(colnames(X)),
       kept = I(colnames(X)[sort(q$pivot[seq_len(q$rank)])]),
       columns = lapply(seq_len(ncol(X)), function(j) signif(unname(X[, j]), 12)))
}
other <- c("~ a", "~ a * b", "~ 0 + a + b", "~ a:b", "~ o * a", "~ factor(k) * x", "~ a/x")
designs <- c(lapply(formulas, one),
             lapply(other, one, contrasts = c("contr.sum", "contr.poly")),
             lapply(other, one, contrasts = c("contr.helmert", "contr.poly")))
data <- lapply(d, function(v) if (is.factor(v)) as.character(v) else v)
write(toJSON(list(data = data, levels = list(o = levels(d$o)), designs = designs), digits = NA, auto_unbox = TRUE),
      "model_matrices.json")
