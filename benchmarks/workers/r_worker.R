# lme4 or glmmTMB: Rscript r_worker.R PEER TABLE FACTORS FORMULA FAMILY METHOD REPEATS SECONDS ONCE_ABOVE
# Prints one line of JSON: the median of the warm fits, from formula to standard errors.
arguments <- commandArgs(TRUE)
peer <- arguments[1]
factors <- strsplit(arguments[3], ",")[[1]]
formula <- as.formula(arguments[4])
family <- arguments[5]
restricted <- arguments[6] == "REML"
repeats <- as.integer(arguments[7])
seconds <- as.numeric(arguments[8])
once_above <- as.numeric(arguments[9])
suppressPackageStartupMessages(library(peer, character.only = TRUE))
table <- read.csv(arguments[2], stringsAsFactors = FALSE, na.strings = "")
for (name in factors) table[[name]] <- factor(table[[name]])

fit <- function() suppressMessages(suppressWarnings({
  if (peer == "glmmTMB") {
    model <- glmmTMB(formula, data = table, family = family, REML = restricted)
    sqrt(diag(vcov(model)$cond))
  } else if (family == "gaussian") {
    model <- lmer(formula, data = table, REML = restricted)
    sqrt(diag(vcov(model)))
  } else {
    model <- glmer(formula, data = table, family = family)
    sqrt(diag(vcov(model)))
  }
  model
}))

timed <- function() {
  start <- Sys.time()
  model <<- fit()
  as.numeric(difftime(Sys.time(), start, units = "secs"))
}

busy_seconds <- function() sum(proc.time()[c("user.self", "sys.self")])
busy_before <- busy_seconds()
first <- timed()
busy <- busy_seconds()
warm <- numeric(0)
while (first < once_above && length(warm) < repeats) {
  warm <- c(warm, timed())
  if (sum(warm) > seconds && length(warm) > 1) break
}
cpu <- if (length(warm)) (busy_seconds() - busy) / length(warm) else busy - busy_before
evaluations <- if (peer == "glmmTMB") model$fit$evaluations[["function"]] else model@optinfo$feval
status <- grep("VmHWM", readLines("/proc/self/status"), value = TRUE)
cat(sprintf(
  paste0('\n{"version": "%s", "first": %.6f, "seconds": %.6f, "cpu": %.6f, "fits": %d, "megabytes": %.1f, ',
         '"log_likelihood": %.9f, "evaluations": %s, "remark": ""}\n'),
  as.character(packageVersion(peer)), first, if (length(warm)) median(warm) else first, cpu,
  length(warm) + 1L, as.numeric(gsub("\\D", "", status)) / 1024,
  as.numeric(logLik(model)), if (length(evaluations)) evaluations else "null"))
