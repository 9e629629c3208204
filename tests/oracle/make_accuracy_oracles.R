# Oracle files for clustered shares and paired verdicts, made by R; R is not needed to run the tests.
#
#   Rscript tests/oracle/make_accuracy_oracles.R        (in the project's folder)
#
# Needs the packages survey and geepack. Public data:
#   rats      pups alive at 4 days (m) and at weaning (x), by litter, control and treated: Weil, Food Cosmet Toxicol
#             1970;8:177-182, table 1. Rao and Scott (Biometrics 1992;48:577-585) print design effects 1.232 and 3.953.
#   thyroids  glands without disease that PET and SPECT both call negative, PET only, SPECT only, neither, by patient:
#             Obuchowski, Stat Med 1998;17:1495-1507. Her statistic is 2.86, that of Durkalski et al. (Stat Med
#             2003;22:2417-2428) on the same data 2.32.
# The rest is drawn here: clusters of unequal size, alike within, shares near 0 and 1, one trial each, one cluster.
# Writes to tests/oracle/accuracy: clusters.csv and shares.csv, pairs.csv and agreement.csv, nested.csv and
# differences.csv. A statistic that cannot be estimated is blank.

suppressPackageStartupMessages({
  library(survey)
  library(geepack)
})
out <- file.path("tests", "oracle", "accuracy")
dir.create(out, showWarnings = FALSE, recursive = TRUE)
level <- 0.95
threshold <- 0.85
set.seed(1527)

# ---- clustered shares

rats <- list(
  rats_control = list(
    m = c(13, 12, 9, 9, 8, 8, 13, 12, 10, 10, 9, 13, 5, 7, 10, 10),
    x = c(13, 12, 9, 9, 8, 8, 12, 11, 9, 9, 8, 11, 4, 5, 7, 7)
  ),
  rats_treated = list(
    m = c(12, 11, 10, 9, 11, 10, 10, 9, 9, 5, 9, 7, 10, 6, 10, 7),
    x = c(12, 11, 10, 9, 10, 9, 9, 8, 8, 4, 7, 4, 5, 3, 3, 0)
  )
)
draw_clusters <- function(n_clusters, share, icc, sizes) {
  m <- sizes(n_clusters)
  p <- if (icc > 0) rbeta(n_clusters, share * (1 - icc) / icc, (1 - share) * (1 - icc) / icc) else share
  list(m = m, x = rbinom(n_clusters, m, p))
}
even <- function(k) rep(3, k)
skewed <- function(k) 1 + rnbinom(k, size = 0.8, mu = 2.4)
drawn <- list(
  even = draw_clusters(45, 0.625, 0.3, even),
  skewed = draw_clusters(45, 0.625, 0.3, skewed),
  independent = draw_clusters(45, 0.85, 0, skewed),
  high = draw_clusters(30, 0.95, 0.2, skewed),
  low = draw_clusters(30, 0.08, 0.1, skewed),
  few = draw_clusters(4, 0.5, 0.5, skewed),
  many = draw_clusters(400, 0.7, 0.4, skewed),
  singletons = draw_clusters(40, 0.6, 0, function(k) rep(1, k)),
  opposite = list(m = c(2, 2, 4, 2), x = c(1, 1, 2, 1)),
  all_alike = list(m = c(3, 1, 2), x = c(3, 1, 2)),
  none_alike = list(m = c(3, 1, 2), x = c(0, 0, 0)),
  one_cluster = list(m = 5, x = 3)
)
clusters <- c(rats, drawn)

anova_icc <- function(trials) {
  k <- length(unique(trials$cluster))
  n <- nrow(trials)
  if (k < 2 || k == n || length(unique(trials$y)) < 2) return(NA)
  squares <- summary(aov(y ~ factor(cluster), data = trials))[[1]][["Mean Sq"]]
  sizes <- table(trials$cluster)
  typical <- (n - sum(sizes^2) / n) / (k - 1)
  (squares[1] - squares[2]) / (squares[1] + (typical - 1) * squares[2])
}
wilson <- function(p, n, z) {
  (p + z^2 / (2 * n) + c(-1, 1) * z * sqrt(p * (1 - p) / n + z^2 / (4 * n^2))) / (1 + z^2 / n)
}
logit_interval <- function(p, se, t) plogis(qlogis(p) + c(-1, 1) * t * se / (p * (1 - p)))

shares_of <- function(dataset, data) {
  m <- data$m
  x <- data$x
  trials <- data.frame(
    cluster = rep(seq_along(m), m),
    y = unlist(Map(function(m, x) rep(c(1, 0), c(x, m - x)), m, x))
  )
  trials$weight <- 1 / m[trials$cluster]
  n <- sum(m)
  k <- sum(x)
  p <- k / n
  n_clusters <- length(m)
  icc <- anova_icc(trials)
  effect <- 1 + (sum(m^2) / n - 1) * max(icc, 0, na.rm = TRUE)
  none <- c(NA, NA)
  variance <- scott <- weighted <- gee <- gee_se <- NA
  clustered <- korn <- logit <- scott_interval <- weighted_interval <- none
  above <- below <- NA
  if (n_clusters > 1) {
    t <- qt((1 + level) / 2, n_clusters - 1)
    clustered <- wilson(p, n / effect, t)
    score <- (p - threshold) / sqrt(threshold * (1 - threshold) * effect / n)
    above <- pt(score, n_clusters - 1, lower.tail = FALSE)
    below <- pt(score, n_clusters - 1)
    design <- svydesign(ids = ~cluster, weights = ~1, data = trials)
    mean_of <- svymean(~y, design)
    variance <- as.numeric(vcov(mean_of))
    weighted_design <- svydesign(ids = ~cluster, weights = ~weight, data = trials)
    weighted_mean <- svymean(~y, weighted_design)
    weighted <- as.numeric(coef(weighted_mean))
    if (variance > 1e-20) {
      scott <- variance * n / (p * (1 - p))
      scott_interval <- wilson(p, n / scott, qnorm((1 + level) / 2))
      logit <- as.numeric(confint(svyciprop(~y, design, method = "xlogit", level = level, df = n_clusters - 1)))
      weighted_interval <- logit_interval(weighted, as.numeric(SE(weighted_mean)), t)
      fit <- geeglm(
        y ~ 1, id = cluster, data = trials, family = binomial, corstr = "exchangeable",
        control = geese.control(epsilon = 1e-14, maxit = 200)
      )
      gee <- as.numeric(plogis(coef(fit)))
      gee_se <- summary(fit)$coefficients[1, "Std.err"]
    }
    # svyciprop lets the effective number exceed the number of trials; Korn and Graubard do not.
    ratio <- (qt((1 + level) / 2, n - 1) / t)^2
    effective <- if (variance > 1e-20) min(n, p * (1 - p) / variance * ratio) else n * ratio
    korn <- if (variance > 1e-20 && effective < n) {
      as.numeric(confint(svyciprop(~y, design, method = "beta", level = level)))
    } else {
      a <- (1 - level) / 2
      c(
        qbeta(a, effective * p, effective * (1 - p) + 1),
        qbeta(1 - a, effective * p + 1, effective * (1 - p))
      )
    }
  }
  exact <- binom.test(k, n, conf.level = level)$conf.int
  naive <- suppressWarnings(prop.test(k, n, conf.level = level, correct = FALSE))$conf.int
  data.frame(
    dataset, n_clusters, n, k, share = p, variance, icc, design_effect = effect,
    rao_scott_effect = scott,
    naive_lower = naive[1], naive_upper = naive[2],
    clustered_lower = clustered[1], clustered_upper = clustered[2],
    exact_lower = exact[1], exact_upper = exact[2],
    korn_graubard_lower = korn[1], korn_graubard_upper = korn[2],
    logit_lower = logit[1], logit_upper = logit[2],
    rao_scott_lower = scott_interval[1], rao_scott_upper = scott_interval[2],
    cluster_mean = weighted,
    cluster_mean_lower = weighted_interval[1], cluster_mean_upper = weighted_interval[2],
    exact_above = binom.test(k, n, threshold, alternative = "greater")$p.value,
    exact_below = binom.test(k, n, threshold, alternative = "less")$p.value,
    clustered_above = above, clustered_below = below,
    gee_share = gee, gee_std_err = gee_se
  )
}

# ---- paired verdicts

thyroids <- list(
  both_yes = c(0, 2, 3, 1, 2, 4, 3, 2, 1, 1, 2, 2, 3, 2, 0, 2, 2, 2, 2, 1, 2),
  first_only = c(0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
  second_only = c(2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 1, 0, 0, 0),
  both_no = c(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0)
)
draw_pairs <- function(n_clusters, shares, spread) {
  counts <- sapply(seq_len(n_clusters), function(i) {
    p <- shares * rgamma(4, spread)
    rmultinom(1, 1 + rnbinom(1, size = 0.8, mu = 5), p / sum(p))
  })
  list(both_yes = counts[1, ], first_only = counts[2, ], second_only = counts[3, ], both_no = counts[4, ])
}
pairs <- list(
  thyroids = thyroids,
  close = draw_pairs(110, c(0.66, 0.01, 0.10, 0.23), 2),
  loose = draw_pairs(40, c(0.3, 0.2, 0.3, 0.2), 5),
  few = draw_pairs(5, c(0.4, 0.2, 0.1, 0.3), 1),
  singletons = list(
    both_yes = rep(c(1, 0, 0, 0), c(20, 4, 11, 9)), first_only = rep(c(0, 1, 0, 0), c(20, 4, 11, 9)),
    second_only = rep(c(0, 0, 1, 0), c(20, 4, 11, 9)), both_no = rep(c(0, 0, 0, 1), c(20, 4, 11, 9))
  )
)

agreement_of <- function(dataset, data) {
  table <- as.data.frame(data)
  verdicts <- data.frame(cluster = integer(), first = integer(), second = integer())
  values <- list(both_yes = c(1, 1), first_only = c(1, 0), second_only = c(0, 1), both_no = c(0, 0))
  for (name in names(values)) {
    verdicts <- rbind(verdicts, data.frame(
      cluster = rep(seq_len(nrow(table)), table[[name]]),
      first = rep(values[[name]][1], sum(table[[name]])), second = rep(values[[name]][2], sum(table[[name]]))
    ))
  }
  verdicts$difference <- verdicts$second - verdicts$first
  verdicts$first_word <- factor(verdicts$first, c(0, 1))
  verdicts$second_word <- factor(verdicts$second, c(0, 1))
  design <- svydesign(ids = ~cluster, weights = ~1, data = verdicts)
  kappa <- svykappa(~ first_word + second_word, design)
  difference <- svymean(~difference, design)
  m <- rowSums(table)
  d <- table$first_only - table$second_only
  n_clusters <- sum(m > 0)
  data.frame(
    dataset, n_clusters, n_pairs = sum(m), kappa = as.numeric(coef(kappa)),
    kappa_std_err = as.numeric(SE(kappa)),
    difference = as.numeric(coef(difference)), difference_std_err = as.numeric(SE(difference)),
    obuchowski_chi2 = (n_clusters - 1) / n_clusters * sum(d)^2 / sum(d^2),
    durkalski_chi2 = sum((d / m)[m > 0])^2 / sum((d / m)[m > 0]^2),
    # with one pair per cluster Obuchowski's statistic is McNemar's times K - 1 over K
    mcnemar_chi2 = if (all(m == 1)) {
      mcnemar.test(matrix(colSums(table)[c(1, 3, 2, 4)], 2), correct = FALSE)$statistic
    } else NA
  )
}

# ---- differences of shares of overlapping lesions

draw_nested <- function(n_clusters, inside) {
  first_m <- 1 + rnbinom(n_clusters, size = 0.8, mu = 4)
  first_x <- rbinom(n_clusters, first_m, rbeta(n_clusters, 1.5, 1.3))
  second_x <- rbinom(n_clusters, first_x, inside)
  second_m <- second_x + rbinom(n_clusters, first_m - first_x, inside * 0.7)
  list(first_m = first_m, first_x = first_x, second_m = second_m, second_x = second_x)
}
apart <- draw_nested(50, 0.5)
apart <- list(
  first_m = apart$second_m, first_x = apart$second_x,
  second_m = apart$first_m - apart$second_m, second_x = apart$first_x - apart$second_x
)
nested <- list(nested = draw_nested(57, 0.7), sparse = draw_nested(20, 0.2), apart = apart)

difference_of <- function(dataset, data) {
  table <- as.data.frame(data)
  table <- table[table$first_m + table$second_m > 0, ]
  design <- svydesign(ids = ~1, weights = ~1, data = table)
  ratios <- svyratio(~ second_x + first_x, ~ second_m + first_m, design, covmat = TRUE)
  # the ratios of the grid of numerators and denominators; only its diagonal is wanted
  contrast <- svycontrast(ratios, list(difference = c(1, 0, 0, -1)))
  data.frame(
    dataset, n_clusters = nrow(table), difference = as.numeric(coef(contrast)),
    difference_std_err = as.numeric(SE(contrast))
  )
}

# ---- files

long <- function(data) {
  do.call(rbind, lapply(names(data), function(dataset) {
    data.frame(dataset, cluster_id = seq_along(data[[dataset]][[1]]), as.data.frame(data[[dataset]]))
  }))
}
save <- function(table, name) {
  for (column in names(table)) {
    if (is.numeric(table[[column]])) {
      table[[column]] <- ifelse(
        is.na(table[[column]]), "", formatC(table[[column]], digits = 17, format = "g", width = 1)
      )
    }
  }
  connection <- file(file.path(out, name), open = "wb")
  write.csv(table, connection, row.names = FALSE, quote = FALSE)
  close(connection)
}
each <- function(data, make) do.call(rbind, lapply(names(data), function(name) make(name, data[[name]])))
save(long(clusters), "clusters.csv")
save(each(clusters, shares_of), "shares.csv")
save(long(pairs), "pairs.csv")
save(each(pairs, agreement_of), "agreement.csv")
save(long(nested), "nested.csv")
save(each(nested, difference_of), "differences.csv")
