# What plan.json and state.json are made of, but for roles, functions and the VPC.

resource "aws_vpclattice_service_network" "shop" {
  name      = "shop"
  auth_type = "NONE"
}

resource "aws_vpclattice_service" "orders" {
  name      = "orders"
  auth_type = "AWS_IAM"
}

resource "aws_vpclattice_listener" "orders" {
  name               = "https"
  protocol           = "HTTPS"
  service_identifier = aws_vpclattice_service.orders.id
  default_action {
    fixed_response {
      status_code = 404
    }
  }
}

resource "aws_vpclattice_target_group" "v1" {
  name = "orders-v1"
  type = "LAMBDA"
  config {
    lambda_event_structure_version = "V2"
  }
}

# New: the second version gets a tenth of the orders, and all exports.
resource "aws_vpclattice_target_group" "v2" {
  name = "orders-v2"
  type = "LAMBDA"
  config {
    lambda_event_structure_version = "V2"
  }
}

resource "aws_vpclattice_listener_rule" "orders" {
  name                = "orders"
  priority            = 20
  listener_identifier = aws_vpclattice_listener.orders.listener_id
  service_identifier  = aws_vpclattice_service.orders.id
  match {
    http_match {
      path_match {
        match {
          prefix = "/orders"
        }
      }
    }
  }
  action {
    forward {
      target_groups {
        target_group_identifier = aws_vpclattice_target_group.v1.id
        weight                  = 90 # was 100
      }
      target_groups {
        target_group_identifier = aws_vpclattice_target_group.v2.id
        weight                  = 10
      }
    }
  }
}

resource "aws_vpclattice_listener_rule" "exports" {
  name                = "exports"
  priority            = 10
  listener_identifier = aws_vpclattice_listener.orders.listener_id
  service_identifier  = aws_vpclattice_service.orders.id
  match {
    http_match {
      path_match {
        match {
          prefix = "/orders/exports"
        }
      }
    }
  }
  action {
    forward {
      target_groups {
        target_group_identifier = aws_vpclattice_target_group.v2.id
      }
    }
  }
}

# Changed: `reporting` may call too.
resource "aws_vpclattice_auth_policy" "orders" {
  resource_identifier = aws_vpclattice_service.orders.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid    = "Callers"
      Effect = "Allow"
      Principal = {
        AWS = [aws_iam_role.checkout.arn, aws_iam_role.reporting.arn]
      }
      Action   = "vpc-lattice-svcs:Invoke"
      Resource = "${aws_vpclattice_service.orders.arn}/*"
    }]
  })
}
