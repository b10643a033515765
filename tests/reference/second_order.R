# Reliability of second-order factors with semTools. Made with R 4.2.2, lavaan 0.6-14, semTools 0.5-6.
# Run in the folder of this file: Rscript second_order.R
suppressMessages({library(lavaan); library(semTools); library(jsonlite)})
hs <- read.csv("data/HolzingerSwineford1939.csv")
three <- "visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9\n"
entry <- function(id, what, model, ...) {
  fit <- cfa(model, hs, ...)
  found <- reliabilityL2(fit, "g")
  if (!is.list(found)) found <- list(found)
  list(id = id, dataset = list("data/HolzingerSwineford1939.csv"), what = what, r_call = "reliabilityL2(fit, 'g')",
       values = list(model = model, reliability = unname(lapply(found, as.list))))
}
# semTools 0.5-6 takes the second-order loadings of the first group in all groups: they are equal here
entries <- list(
  entry("three", "a factor of three factors", paste0(three, "g =~ visual + textual + speed")),
  entry("three_std_lv", "the same, variances of one, MLR", paste0(three, "g =~ visual + textual + speed"),
        std.lv = TRUE, estimator = "MLR"),
  entry("residuals", "residual covariances of items and of factors", paste0(three,
        "g =~ visual + 1*textual + 1*speed\nx4 ~~ x7\nvisual ~~ textual")),
  entry("direct", "a factor of two factors and of items", "visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\ng =~ visual + textual + x7 + x9"),
  entry("schools", "two groups, equal loadings", paste0(three, "g =~ visual + textual + speed"), group = "school",
        group.equal = "loadings"))
write_json(list(topic = "second_order", made_by = "second_order.R", R = R.version.string,
                packages = list(lavaan = as.character(packageVersion("lavaan")), semTools = as.character(packageVersion("semTools"))),
                entries = entries), "second_order.json", digits = NA, auto_unbox = TRUE, pretty = TRUE)
